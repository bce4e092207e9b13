/** Nodes join and leave a volume for good. Both are journaled; volume.json only follows. */
import { resolve } from 'node:path';
import { DriveError, hasCode } from '../../core/errors.js';
import { randomId } from '../../core/random.js';
import { shellWord } from '../../core/text/shell-word.js';
import type { Drive } from '../../drive-contract.js';
import type { Operation } from '../../meta/operations.js';
import type { NodeRow, SegmentRow } from '../../meta/rows.js';
import { initializeNodeDirectory, nodeAt, volumeAt } from '../../node/node-directory.js';
import { readPassport } from '../../node/passport.js';
import { countsAsCopy } from '../../store/store-node.js';
import { groupAt } from '../drive-create.js';
import {
  changeMember,
  demandEnoughNodes,
  journal,
  type MembershipParts,
  memberCalled,
  membersOf,
  pageSegments,
  requireLabel,
  saveVolumeFile,
  segmentsOn,
} from './member-changes.js';

export async function addNodeTo(
  parts: MembershipParts,
  options: Parameters<Drive['addNode']>[0],
): Promise<{ readonly id: string }> {
  const { context, nodes, engine, file } = parts;
  const path = resolve(options.path);
  const id = randomId(context.random);
  const known = membersOf(parts);
  const label = options.label ?? freeLabel(known);
  requireLabel(label, known);
  await requireNeverMember(parts, path);
  const passport = { volume: file.id, node: id, label, created: context.clock.now() };
  const otherPaths = [...nodes.all.map((node) => nodeAt(node.path)), volumeAt(parts.directory)];
  await initializeNodeDirectory(context.fileIo, path, { passport, otherPaths });
  const group = options.group ?? (await groupAt(context, path, nodes.all));
  const row = { id, label, group, weight: options.weight ?? 1, role: 'active' as const, path };
  await journal(parts, [{ o: 'node', ...row }]);
  await nodes.open([row]);
  await saveVolumeFile(parts);
  const node = nodes.get(id)!;
  await engine.admit(node);
  parts.events.report('info', `node ${label} was added at ${path}`);
  return { id };
}

/** A removed node's id is never used again, and nothing in its folder is needed. */
async function requireNeverMember({ context, engine, file }: MembershipParts, path: string): Promise<void> {
  try {
    const { passport } = await readPassport(context.fileIo, path);
    const row = engine.index.reader.nodes().find((node) => node.id === passport.node);
    if (passport.volume !== file.id || row?.role !== 'retired') return;
    throw new DriveError('NODE_REFUSED', {
      message: `${path} still holds the node ${row.label}, which was removed from this volume`,
      details: { path, node: row.id },
      hint: 'empty it first: the volume needs nothing that lies in it; then add it again',
    });
  } catch (error) {
    // What else may lie there is judged when the node is made.
    if (hasCode(error, 'NODE_REFUSED')) throw error;
  }
}

/** USAGE when it is not clear which node is meant, WOULD_LOSE_COPIES. */
export async function removeNodeFrom(
  parts: MembershipParts,
  options: { readonly node: string; readonly lost: boolean },
): Promise<void> {
  const { nodes, engine, events } = parts;
  const row = memberCalled(parts, options.node);
  const others = nodes.all.filter((node) => node.id !== row.id && node.role !== 'retired');
  if (others.length === 0)
    throw new DriveError('WOULD_LOSE_COPIES', {
      message: 'it is the last node of the volume',
      hint: 'add another node first',
    });
  const held = segmentsOn(parts, row);
  if (!options.lost) {
    if (row.role === 'active')
      demandEnoughNodes(parts, row, 'add another node first (holdfast node add); or use --lost if the disk is dead');
    demandCopies(parts, row, held);
  }
  const isOfAnotherHistory = nodes.get(row.id)?.isRefused === true;
  await changeMember(parts, row, { role: 'retired' });
  for (let first = 0; first < held.length; first += pageSegments) {
    const operations = held.slice(first, first + pageSegments).map((segment): Operation => {
      const remaining = segment.replicas.filter((replica) => replica.node !== row.id).map((replica) => replica.node);
      return { o: 'relocate', segment: segment.id, nodes: remaining };
    });
    await journal(parts, operations);
  }
  nodes.get(row.id)?.retire();
  const running = await engine.engine();
  running.segments.nodeLeft(row.id);
  running.history.writeSet.drop(row.id);
  await running.committer.refreshMembers();
  await nodes.monitor.remove(row.id);
  await saveVolumeFile(parts);
  engine.maintenance?.wantHealing();
  const next = isOfAnotherHistory
    ? `"holdfast salvage ${shellWord(parts.directory)} --from ${shellWord(row.path)}" still saves what it holds of another history`
    : `what lies in ${row.path} may be deleted by hand`;
  events.report('info', `node ${row.label} was removed; ${next}`);
}

function demandCopies({ directory, nodes }: MembershipParts, row: NodeRow, held: readonly SegmentRow[]): void {
  const online = new Set(
    nodes.all.filter((node) => node.state === 'online' && countsAsCopy(node) && node.id !== row.id).map(({ id }) => id),
  );
  const short = held.filter(
    (segment) =>
      segment.liveBytes > 0 &&
      segment.replicas.filter((copy) => online.has(copy.node) && copy.state === 'good').length < segment.wanted,
  );
  if (short.length === 0) return;
  throw new DriveError('WOULD_LOSE_COPIES', {
    message: `${short.length} of its ${held.length} segments would keep fewer copies than wanted`,
    details: { segments: short.length },
    hint: `empty it first: holdfast node drain ${shellWord(directory)} ${shellWord(row.label)}; or use --lost if the disk is dead`,
  });
}

function freeLabel(known: readonly NodeRow[]): string {
  for (let number = known.length + 1; ; number++)
    if (!known.some((node) => node.label === `node-${number}`)) return `node-${number}`;
}
