/** Nodes are emptied, or exchanged for others. The mover does the work by itself; here it is begun and followed. */
import { DriveError } from '../../core/errors.js';
import { shellWord } from '../../core/text/shell-word.js';
import type { DiskCommands, DrainReport, Following } from '../../drive-disks.js';
import type { NodeRow } from '../../meta/rows.js';
import { isReadable } from '../../node/node-state.js';
import { addNodeTo, removeNodeFrom } from './drive-membership.js';
import { changeMember, demandEnoughNodes, type MembershipParts, memberCalled, segmentsOn } from './member-changes.js';

const lookMs = 250;
/** No byte moved, and the mover has nothing to do, this often in a row: it makes a new plan every 10 s. */
const stuckLooks = 50;

export async function drainNode(
  parts: MembershipParts,
  { node, cancel, wait, ...following }: Parameters<DiskCommands['drain']>[0],
): Promise<DrainReport> {
  const row = memberCalled(parts, node);
  if (cancel) {
    await stopDraining(parts, row);
    return drainReport(parts, row);
  }
  if (row.role === 'away') throw isAway(parts, row);
  if (row.role !== 'draining') {
    demandEnoughNodes(parts, row, `add another node first: holdfast node add ${shellWord(parts.directory)} PATH`);
    await changeMember(parts, row, { role: 'draining' });
    await parts.engine.nodesChanged();
    parts.events.report('info', `${row.label} is emptied: its copies are moved to the other nodes`);
  }
  return wait ? followDrain(parts, row, following) : drainReport(parts, row);
}

/** See DiskCommands.replace. With the old node lost, the report tells of what healing has still to do. */
export async function replaceNode(
  parts: MembershipParts,
  { node, path, lost, wait, ...following }: Parameters<DiskCommands['replace']>[0],
): Promise<DrainReport> {
  const row = memberCalled(parts, node);
  const isHere = isReadable(parts.nodes.get(row.id)?.state ?? 'offline');
  if (!lost && !isHere) {
    throw new DriveError('NODE_GONE', {
      message: `${row.label} is away, so nothing can be moved off it`,
      hint: `plug it in; or, if its disk is dead: holdfast node replace ${shellWord(parts.directory)} ${shellWord(row.label)} ${shellWord(path)} --lost`,
    });
  }
  if (row.role === 'away') throw isAway(parts, row);
  await addNodeTo(parts, { path, weight: row.weight });
  if (!lost) return drainNode(parts, { node: row.id, cancel: false, wait, ...following });
  await removeNodeFrom(parts, { node: row.id, lost: true });
  return { label: row.label, leftSegments: 0, leftBytes: 0, isEmpty: true };
}

async function stopDraining(parts: MembershipParts, row: NodeRow): Promise<void> {
  if (row.role !== 'draining') {
    throw new DriveError('USAGE', { message: `${row.label} is not being emptied`, hint: 'nothing is to be done' });
  }
  await changeMember(parts, row, { role: 'active' });
  await parts.engine.nodesChanged();
  parts.events.report('info', `${row.label} is not emptied any more: it takes new files again`);
}

async function followDrain(
  parts: MembershipParts,
  row: NodeRow,
  { signal, onProgress }: Following,
): Promise<DrainReport> {
  const { clock } = parts.context;
  let report = drainReport(parts, row);
  let total = report.leftBytes;
  let looks = 0;
  while (!report.isEmpty && looks < stuckLooks) {
    onProgress?.({ phase: `emptying ${row.label}`, done: total - report.leftBytes, total, unit: 'bytes' });
    await clock.sleep(lookMs, { signal });
    if (signal?.aborted) throw new DriveError('ABORTED', { hint: goesOn });
    const next = drainReport(parts, row);
    looks = next.leftBytes === report.leftBytes && isMoverIdle(parts) ? looks + 1 : 0;
    report = next;
    total = Math.max(total, report.leftBytes);
  }
  return report;
}

const goesOn = 'the node is emptied further while the volume is served; "node drain --cancel" ends that';

/** What is not sealed yet leaves a moment later. */
export function drainReport(parts: Pick<MembershipParts, 'engine'>, row: NodeRow): DrainReport {
  const left = segmentsOn(parts, row).filter((segment) => segment.liveBytes > 0);
  const leftBytes = left.reduce((sum, segment) => sum + segment.lengthBytes, 0);
  return { label: row.label, leftSegments: left.length, leftBytes, isEmpty: left.length === 0 };
}

function isMoverIdle({ engine }: MembershipParts): boolean {
  if (!engine.maintenance) return false;
  const { active, queuedMoves } = engine.maintenance.mover.status();
  return !active && queuedMoves === 0;
}

function isAway({ directory }: MembershipParts, { label }: NodeRow): DriveError {
  return new DriveError('USAGE', {
    message: `${label} is a copy that is away on purpose: no file depends on it, so there is nothing to move`,
    hint: `to give it up: holdfast node remove ${shellWord(directory)} ${shellWord(label)}`,
  });
}
