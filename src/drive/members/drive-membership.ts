/** Nodes join and leave a volume for good. Both are journaled; volume.json only follows. */
import { resolve } from 'node:path';
import { type VolumeFile, writeVolumeFile } from '../../config/volume-file.js';
import { DriveError, hasCode } from '../../core/errors.js';
import { randomId } from '../../core/random.js';
import type { Drive } from '../../drive-contract.js';
import type { Operation } from '../../meta/operations.js';
import type { NodeRow, SegmentRow } from '../../meta/rows.js';
import { initializeNodeDirectory, nodeAt, volumeAt } from '../../node/node-directory.js';
import { longestLabel, readPassport } from '../../node/passport.js';
import type { DriveContext } from '../drive-context.js';
import { groupAt } from '../drive-create.js';
import type { DriveEngine } from '../drive-engine.js';
import type { DriveEvents } from '../drive-events.js';
import type { DriveNodes } from '../drive-nodes.js';
import { nodeCalled } from './node-called.js';

export interface MembershipParts {
  readonly directory: string;
  readonly context: DriveContext;
  readonly file: VolumeFile;
  readonly nodes: DriveNodes;
  readonly events: DriveEvents;
  readonly engine: DriveEngine;
  readonly replicas: number;
}

const pageSegments = 500;

export async function addNodeTo(
  parts: MembershipParts,
  options: Parameters<Drive['addNode']>[0],
): Promise<{ readonly id: string }> {
  const { context, nodes, engine, file } = parts;
  const path = resolve(options.path);
  const id = randomId(context.random);
  const known = engine.index.reader.nodes().filter((node) => node.role !== 'retired');
  const label = options.label ?? freeLabel(known);
  requireLabel(label, known);
  await requireNeverMember(parts, path);
  const passport = { volume: file.id, node: id, label, created: context.clock.now() };
  const otherPaths = [...nodes.all.map((node) => nodeAt(node.path)), volumeAt(parts.directory)];
  await initializeNodeDirectory(context.fileIo, path, { passport, otherPaths });
  const group = options.group ?? (await groupAt(context, path, nodes.all));
  const row = { id, label, group, weight: options.weight ?? 1, role: 'active' as const, path };
  await submit(parts, [{ o: 'node', ...row }]);
  await nodes.open([row]);
  await saveVolumeFile(parts);
  const node = nodes.get(id)!;
  await engine.admit(node);
  parts.events.report('info', `node ${label} was added at ${path}`);
  return { id };
}

/** USAGE when it cannot stand in lists and passports; EXISTS when another node bears it. */
function requireLabel(label: string, known: readonly NodeRow[]): void {
  if (label === '' || label.length > longestLabel || /\p{Cc}/u.test(label)) {
    throw new DriveError('USAGE', {
      message: `a label is 1 to ${longestLabel} characters, without control characters`,
      hint: 'choose another --label',
    });
  }
  if (known.some((node) => node.label === label)) {
    throw new DriveError('EXISTS', { message: `a node is called ${label} already`, hint: 'choose another --label' });
  }
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
  const members = engine.index.reader.nodes().filter((node) => node.role !== 'retired');
  const row = nodeCalled(options.node, members);
  const others = nodes.all.filter((node) => node.id !== row.id && node.role !== 'retired');
  if (others.length === 0)
    throw new DriveError('WOULD_LOSE_COPIES', {
      message: 'it is the last node of the volume',
      hint: 'add another node first',
    });
  const held = segmentsOn(parts, row);
  if (!options.lost) {
    demandEnoughNodes(parts, row);
    demandCopies(parts, row, held);
  }
  await submit(parts, [
    { o: 'node', id: row.id, label: row.label, group: row.group, weight: row.weight, role: 'retired', path: row.path },
  ]);
  for (let first = 0; first < held.length; first += pageSegments) {
    const operations = held.slice(first, first + pageSegments).map((segment): Operation => {
      const remaining = segment.replicas.filter((replica) => replica.node !== row.id).map((replica) => replica.node);
      return { o: 'relocate', segment: segment.id, nodes: remaining };
    });
    await submit(parts, operations);
  }
  nodes.get(row.id)?.retire();
  const running = await engine.engine();
  running.segments.nodeLeft(row.id);
  running.history.writeSet.drop(row.id);
  await running.committer.refreshMembers();
  await nodes.monitor.remove(row.id);
  await saveVolumeFile(parts);
  engine.maintenance?.wantHealing();
  events.report('info', `node ${row.label} was removed; what lies in ${row.path} may be deleted by hand`);
}

function segmentsOn({ engine }: MembershipParts, row: NodeRow): SegmentRow[] {
  const held: SegmentRow[] = [];
  for (let after = ''; ; ) {
    const page = engine.index.reader.segments(after, pageSegments);
    held.push(...page.filter((segment) => segment.replicas.some((replica) => replica.node === row.id)));
    if (page.length < pageSegments) return held;
    after = page.at(-1)!.id;
  }
}

/** With fewer nodes than copies, everything that is saved from now on would have too few. */
function demandEnoughNodes({ replicas, nodes }: MembershipParts, row: NodeRow): void {
  const others = nodes.all.filter((node) => node.id !== row.id && node.role === 'active');
  if (others.length >= replicas) return;
  const left = others.length === 1 ? '1 node would be left' : `${others.length} nodes would be left`;
  throw new DriveError('WOULD_LOSE_COPIES', {
    message: `${left} for ${replicas} copies of every file`,
    details: { nodes: others.length, replicas },
    hint: 'add another node first (holdfast node add); or use --lost if the disk is dead',
  });
}

function demandCopies({ replicas, nodes }: MembershipParts, row: NodeRow, held: readonly SegmentRow[]): void {
  const online = new Set(
    nodes.all.filter((node) => node.state === 'online' && node.id !== row.id).map((node) => node.id),
  );
  const short = held.filter(
    (segment) =>
      segment.liveBytes > 0 &&
      segment.replicas.filter((copy) => online.has(copy.node) && copy.state === 'good').length < replicas,
  );
  if (short.length === 0) return;
  throw new DriveError('WOULD_LOSE_COPIES', {
    message: `${short.length} of its ${held.length} segments would keep fewer than ${replicas} copies`,
    details: { segments: short.length },
    hint: 'unplug the disk and wait until `holdfast status` says that nothing is degraded, then remove it; or use --lost if the disk is dead',
  });
}

async function submit({ engine, context }: MembershipParts, operations: readonly Operation[]): Promise<void> {
  const running = await engine.engine();
  await running.change({ kind: 'operations', principal: '', now: context.clock.now(), operations }, []);
}

async function saveVolumeFile({ context, directory, file, nodes }: MembershipParts): Promise<void> {
  const kept = nodes.all.filter((node) => node.role !== 'retired' && node.state !== 'retired');
  await writeVolumeFile(context.fileIo, directory, {
    ...file,
    nodes: kept.map(({ id, label, path }) => ({ id, label, path })),
  });
}

function freeLabel(known: readonly NodeRow[]): string {
  for (let number = known.length + 1; ; number++)
    if (!known.some((node) => node.label === `node-${number}`)) return `node-${number}`;
}
