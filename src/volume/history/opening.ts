/**
 * Opens the history of a volume: reads what the present nodes and the index know, decides what is the history
 * (history.ts), brings the index up to it, levels the nodes' journals to it, and seals it with a new epoch before the
 * first write. architecture.md, "Opening", tells why each step stands where it does.
 */
import type { Clock } from '../../core/clock.js';
import { DriveError, hasCode } from '../../core/errors.js';
import type { EpochId, NodeId, SegmentId } from '../../core/ids.js';
import type { Random } from '../../core/random.js';
import type { MetaStore } from '../../meta/meta-store.js';
import { decodeOperations } from '../../meta/operation-codec.js';
import type { Operation } from '../../meta/operations.js';
import type { Tip } from '../../meta/rows.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { genesisHash } from '../../segment/journal-batch.js';
import { writeEpoch } from '../commit/epoch-writer.js';
import { WriteSet } from '../commit/write-set.js';
import type { EngineNode } from '../engine-node.js';
import { decideHistory, durablePosition, type History, type HistoryInput } from './history.js';
import { JournalSources } from './journal-sources.js';
import { type FullBatch, keptChain, RecentBatches } from './kept-batches.js';
import { findPlaces } from './segment-places.js';

export interface OpeningInput {
  readonly meta: MetaStore;
  /** Present nodes. */
  readonly nodes: readonly EngineNode[];
  readonly replicas: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly onFollowerLost: (node: NodeId, error: unknown) => void;
  /** How far the journals were known to be durable when this process last had the history open. */
  readonly durable?: ReadonlyMap<NodeId, number> | undefined;
  /** Number of the last batch that this process has seen durable on any node. */
  readonly newestKnown?: number | undefined;
  /** Nodes that are lost for good, as a person said when the index ended with the batch of that hash. */
  readonly givenUp?: { readonly nodes: readonly NodeId[]; readonly after: string } | undefined;
  /** Operations of a new volume; without them an empty history is refused. */
  readonly genesis?: readonly Operation[] | undefined;
}

export interface OpenedHistory {
  readonly tip: Tip;
  readonly writeSet: WriteSet;
  /** Present nodes that hold another history: refused, never touched. */
  readonly forked: readonly NodeId[];
  /** Present nodes whose journal could not be made current; they stay out until they return. */
  readonly behind: readonly NodeId[];
  readonly replayedBatches: number;
}

/** Thrown (CORRUPT, details.reason 'index-off-chain') when the index is not of this history: it must be rebuilt. */
export const indexOffChain = 'index-off-chain';

export async function openHistory(input: OpeningInput): Promise<OpenedHistory> {
  const { meta, nodes } = input;
  const { history, sources } = await readHistory(input).catch((error: unknown) => {
    if (!lacksOnlyGivenUp(error, input)) throw error;
    return readHistory({ ...input, acceptsFollowers: true });
  });
  if (!history) return startGenesis(input);
  const named = new Set<SegmentId>();
  const replayed = await catchUpIndex({
    meta,
    history,
    sources,
    onBatch: (batch) => {
      for (const segment of segmentsNamed(batch)) named.add(segment);
    },
  });
  await findPlaces({ meta, nodes, segments: named });
  // The cleaner may have moved chunks since, which no journal tells.
  await findPlaces({ meta, nodes });
  const writeSet = new WriteSet(input);
  const forked: NodeId[] = [];
  const behind: NodeId[] = [...sources.unreadable.keys()];
  for (const node of nodes) {
    const position = history.positions.get(node.id);
    if (position?.kind === 'forked') forked.push(node.id);
    if (position?.kind !== 'on-chain') continue;
    const journal = sources.histories.find((candidate) => candidate.node === node.id)!;
    const durable = durablePosition(journal, position, {
      floor: history.chain[0]?.previousSequence ?? history.tip.sequence,
      known: input.durable?.get(node.id),
    });
    if (!(await level(node, durable, history, sources, writeSet))) behind.push(node.id);
  }
  const sealed = await sealWithEpoch(input, writeSet, {
    last: history.tip,
    parent: history.epoch.id,
    dead: history.dead,
  });
  return { tip: sealed, writeSet, forked, behind, replayedBatches: replayed };
}

/** The disks that hold the newest changes are those that were given up: the others go on without them. */
function lacksOnlyGivenUp(error: unknown, { meta, givenUp }: OpeningInput): boolean {
  if (!givenUp || !hasCode(error, 'READ_ONLY') || givenUp.after !== meta.reader.tip()?.hash) return false;
  const members = error.details.members as readonly NodeId[] | undefined;
  return members?.every((member) => givenUp.nodes.includes(member)) ?? false;
}

/**
 * For a volume that can only be read: the history as the index has it, with no journal to go on with. CORRUPT without one;
 * UNAVAILABLE when changes are known that the index lacks: older contents are never served for the newest.
 */
export async function closedHistory(input: OpeningInput): Promise<OpenedHistory> {
  const tip = input.meta.reader.tip();
  if (!tip) throw new DriveError('CORRUPT', { message: 'the index is empty', hint: 'rebuild it from the nodes' });
  if (tip.sequence < (await newestBatch(input))) {
    throw new DriveError('UNAVAILABLE', {
      message: 'the index lacks changes that the disks hold, and cannot take them',
      hint: "see that there is room in the volume's directory and that this program may write there",
    });
  }
  return { tip, writeSet: new WriteSet(input), forked: [], behind: [], replayedBatches: 0 };
}

/** Number of the last batch that a present node holds, or that this process has seen durable. */
async function newestBatch(input: Pick<OpeningInput, 'meta' | 'nodes' | 'newestKnown'>): Promise<number> {
  const { newestKnown = 0 } = input;
  try {
    const { history } = await readHistory(input);
    return Math.max(newestKnown, history?.tip.sequence ?? 0);
  } catch (error) {
    // The nodes that are here hold less than the index, or nothing that tells.
    if (!hasCode(error, 'READ_ONLY', 'UNAVAILABLE')) throw error;
    return newestKnown;
  }
}

/** What the index and the present nodes know, and what it amounts to; undefined when there is no history at all. */
export async function readHistory({
  meta,
  nodes,
  acceptsFollowers,
}: Pick<OpeningInput, 'meta' | 'nodes'> & Pick<HistoryInput, 'acceptsFollowers'>): Promise<{
  history: History | undefined;
  sources: JournalSources;
}> {
  const tip = meta.reader.tip();
  const recent = new RecentBatches();
  const keptHeads = keptChain(meta.reader, recent);
  const from = Math.min(keptHeads[0]?.previousSequence ?? tip?.sequence ?? 0, tip?.sequence ?? 0);
  const sources = await JournalSources.read(nodes, from, meta.reader, recent);
  const names = new Map(meta.reader.nodes().map(({ id, label, path }) => [id, `"${label}" (last at ${path})`]));
  const history = decideHistory({
    tip,
    knownEpochs: meta.reader.epochs(),
    keptHeads,
    nodes: sources.histories,
    acceptsFollowers,
    nameOf: (id) => names.get(id) ?? id,
  });
  return { history, sources };
}

/** Replays what the index lacks, and says how many batches. New chunks have no place after that; most lie in the segments that the batches name. */
export async function catchUpIndex({
  meta,
  history,
  sources,
  onBatch,
  earlyPlaces,
}: {
  readonly meta: MetaStore;
  readonly history: History;
  readonly sources: JournalSources;
  /** Told of each before it is applied. */
  readonly onBatch: (batch: FullBatch) => void;
  /** Places in segments that were named since it was last asked. They need not be found: it saves writing rows twice. */
  readonly earlyPlaces?: (segments: ReadonlySet<SegmentId>) => AsyncIterable<readonly ChunkPlace[]>;
}): Promise<number> {
  const tip = meta.reader.tip();
  if (tip && !history.indexOnChain) {
    throw new DriveError('CORRUPT', {
      message: 'the index does not belong to the history on the nodes',
      details: { reason: indexOffChain },
      hint: 'it is moved aside and rebuilt from the nodes',
    });
  }
  if (!tip && history.chain[0]?.previousHash !== genesisHash) {
    throw new DriveError('CORRUPT', {
      message: 'there is no index, and the journals here do not reach back to the beginning',
      details: { reason: indexOffChain },
      hint: 'rebuild it from the nodes',
    });
  }
  const missing = history.chain.filter((link) => link.sequence > (tip?.sequence ?? 0));
  // The next batches are read while these are applied.
  let applied: Promise<void> = Promise.resolve();
  let batches: FullBatch[] = [];
  let bytes = 0;
  let uncommitted = 0;
  const named = new Set<SegmentId>();
  const replay = async (places: readonly ChunkPlace[], goesOn: boolean) => {
    await applied;
    applied = meta.writer.replay({ batches, places, goesOn });
    applied.catch(() => undefined); // Told by whoever waits for it.
    batches = [];
    bytes = 0;
  };
  const apply = async (isLast: boolean) => {
    uncommitted += bytes;
    if (!isLast && uncommitted < commitBytes) return replay([], true);
    if (earlyPlaces) {
      await replay([], true);
      for await (const places of earlyPlaces(named)) await replay(places, true);
      named.clear();
    }
    await replay([], false);
    uncommitted = 0;
  };
  try {
    for (const link of missing) {
      const batch = await sources.batch(link);
      onBatch(batch);
      if (earlyPlaces) for (const segment of segmentsNamed(batch)) named.add(segment);
      batches.push(batch);
      bytes += batch.bytes.length;
      if (bytes >= replayBytes) await apply(false);
    }
  } finally {
    // Also when a batch cannot be read: what was replayed is kept, and no transaction stays open.
    if (missing.length > 0) await apply(true);
    await applied;
  }
  return missing.length;
}

const replayBytes = 4 * 1024 * 1024;
/** Chunk ids are hashes, so each commit writes most of the chunks' pages again. */
const commitBytes = 64 * 1024 * 1024;

/** Decodes nothing else: a line break in an operation is escaped, so that lines begin where operations do. */
function segmentsNamed({ operations }: FullBatch): SegmentId[] {
  const named: SegmentId[] = [];
  let at = operations.indexOf(dataStart);
  while (at >= 0) {
    const end = operations.indexOf('\n', at) + 1;
    if (at === 0 || operations[at - 1] === 0x0a) {
      for (const operation of decodeOperations(operations.subarray(at, end))) {
        if (operation.o === 'data') named.push(...operation.segments.map(({ id }) => id));
      }
    }
    at = operations.indexOf(dataStart, at + 1);
  }
  return named;
}

const dataStart = '{"o":"data",';

/** Writes what a node's journal lacks behind `position`; false when it cannot (the monitor knows why). */
async function level(
  node: EngineNode,
  position: number,
  { tip, chain }: History,
  sources: JournalSources,
  writeSet: WriteSet,
): Promise<boolean> {
  if (!node.store.canAppend) return false;
  if (position < (chain[0]?.previousSequence ?? tip.sequence)) return false; // Too far behind: needs a checkpoint.
  const writer = writeSet.newJournalWriter(node);
  try {
    let step: FullBatch[] = [];
    for (const link of chain.filter(({ sequence }) => sequence > position)) {
      step.push(await sources.batch(link));
      if (sizeOf(step) < levelBytes) continue;
      await writer.append(step);
      step = [];
    }
    await writer.append(step);
    await writer.close();
  } catch {
    // Its disk fails, or the gap cannot be filled from the journals that are here: one more node that is behind, no
    // reason not to open.
    await writer.close().catch(() => undefined);
    return false;
  }
  writeSet.admit(node, tip.sequence);
  return true;
}

const levelBytes = 8 * 1024 * 1024;

const sizeOf = (batches: readonly FullBatch[]): number => batches.reduce((sum, { bytes }) => sum + bytes.length, 0);

/** The epoch that seals the history. Its number skips one: a batch that only an absent node holds keeps its number alone. */
async function sealWithEpoch(
  { meta, replicas, clock, random, genesis }: OpeningInput,
  writeSet: WriteSet,
  { last, parent, dead }: { last: Tip; parent: EpochId | null; dead: readonly EpochId[] },
): Promise<Tip> {
  const sequence = parent === null ? 1 : last.sequence + 2;
  const { batch } = await writeEpoch({
    writer: meta.writer,
    writeSet,
    replicas,
    clock,
    random,
    last,
    parent,
    dead,
    sequence,
    genesis,
  });
  return { sequence: batch.sequence, hash: batch.hash, epoch: batch.epoch };
}

async function startGenesis(input: OpeningInput): Promise<OpenedHistory> {
  if (!input.genesis) {
    throw new DriveError('DAMAGED', {
      message: 'the nodes hold no history of this volume',
      hint: 'give the paths of its nodes to `holdfast rebuild`',
    });
  }
  const writeSet = new WriteSet(input);
  for (const node of input.nodes) writeSet.admit(node, 0);
  const tip = await sealWithEpoch(input, writeSet, {
    last: { sequence: 0, hash: genesisHash, epoch: '' },
    parent: null,
    dead: [],
  });
  return { tip, writeSet, forked: [], behind: [], replayedBatches: 0 };
}
