/** Nodes whose disks may sleep: what their operator said on this machine, so it is no part of the volume. */
import type { DiskCommands } from '../../drive-disks.js';
import type { DriveNodes } from '../drive-nodes.js';
import { type MembershipParts, memberCalled, membersOf } from './member-changes.js';
import type { OperatorSettings } from './operator-settings.js';

export async function letSleep(
  parts: MembershipParts,
  { node, maySleep }: Parameters<DiskCommands['sleep']>[0],
): Promise<void> {
  const row = memberCalled(parts, node);
  const { settings, nodes, events } = parts;
  const members = new Set(membersOf(parts).map(({ id }) => id));
  const others = settings.current.sleepy.filter((id) => id !== row.id && members.has(id));
  await settings.change({ sleepy: maySleep ? [...others, row.id] : others });
  rememberSleepers(nodes, settings);
  const what = maySleep ? 'may sleep while nobody uses it' : 'is kept awake';
  events.report('info', `the disk of ${row.label} ${what}`);
}

/** Tells the nodes what was set. */
export function rememberSleepers(nodes: Pick<DriveNodes, 'all'>, { current }: OperatorSettings): void {
  for (const node of nodes.all) node.describe({ isSleepy: current.sleepy.includes(node.id) });
}
