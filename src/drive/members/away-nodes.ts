/** Nodes that are away on purpose: a full copy with an age, which counts for no file's number of copies. */
import { shellWord } from '../../core/text/shell-word.js';
import type { DiskCommands } from '../../drive-disks.js';
import { changeMember, demandEnoughNodes, type MembershipParts, memberCalled } from './member-changes.js';

export async function keepAway(
  parts: MembershipParts,
  { node, everyMs }: Parameters<DiskCommands['away']>[0],
): Promise<void> {
  const row = memberCalled(parts, node);
  const { engine, events } = parts;
  if (everyMs === null) {
    if (row.role !== 'away') return;
    await changeMember(parts, row, { role: 'active' });
    await engine.nodesChanged();
    events.report('info', `${row.label} is an ordinary node again: its copies count, and new files go to it`);
    return;
  }
  if (row.role !== 'away') {
    const wayOn = `add another node first: holdfast node add ${shellWord(parts.directory)} PATH`;
    if (row.role === 'active') demandEnoughNodes(parts, row, wayOn);
  }
  await changeMember(parts, row, { role: 'away', every: everyMs });
  await engine.nodesChanged();
  events.report('info', `${row.label} is kept as a full copy that is away most of the time`);
}
