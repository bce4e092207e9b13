/**
 * Opens the history of a volume: reads what the present nodes and the index know, decides what is the history
 * (history.ts), brings the index up to it, levels the nodes' journals to it, and seals it with a new epoch before the
 * first write. architecture.md, "Opening", tells why each step stands where it does.
 */
import type { Clock } from '../../core/clock.js';
import { DriveError, hasCode } from '../../core/errors.js';
import type { ChunkId, EpochId, NodeId } from '../../core/ids.js';
import type { Random } from '../../core/random.js';
import type { MetaReader, MetaStore } from '../../meta/meta-store.js';
import { decodeOperations } from '../../meta/operation-codec.js';
import type { Operation } from '../../meta/operations.js';
import type { Tip } from '../../meta/rows.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { genesisHash } from '../../segment/journal-batch.js';
import { writeEpoch } from '../commit/epoch-writer.js';
import { WriteSet } from '../commit/write-set.js';
import type { EngineNode } from '../engine-node.js';
import { type ChainLink, decideHistory, type History } from './history.js';
import { type FullBatch, JournalSources } from './journal-sources.js';
import { keptChain } from './kept-batches.js';
import { bestPlaces, type SegmentToScan, scanOnNodes } from './segment-places.js';

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
  /** The last batch, when it was dropped because its data never became durable. */
  readonly droppedSequence: number | null;
}

/** Thrown (CORRUPT, details.reason 'index-off-chain') when the index is not of this history: it must be rebuilt. */
export const indexOffChain = 'index-off-chain';

export async function openHistory(input: OpeningInput): Promise<OpenedHistory> {
  const { nodes } = input;
  const { history, sources } = await readHistory(input);
  if (!history) return startGenesis(input);
  const { last, replayed, dropped } = await catchUpIndex(input, history, sources, 'as-replayed');
  const writeSet = new WriteSet(input);
  const forked: NodeId[] = [];
  const behind: NodeId[] = [...sources.unreadable.keys()];
  for (const node of nodes) {
    const position = history.positions.get(node.id);
    if (position?.kind === 'forked') forked.push(node.id);
    if (position?.kind !== 'on-chain') continue;
    // After a failed fsync a file may show what its disk does not hold: that is written again.
    const durable = Math.min(position.sequence, input.durable?.get(node.id) ?? position.sequence);
    if (!(await level(node, durable, last, history.chain, sources, writeSet))) behind.push(node.id);
  }
  const sealed = await sealWithEpoch(input, writeSet, { last, parent: history.epoch.id, dead: history.dead });
  return { tip: sealed, writeSet, forked, behind, replayedBatches: replayed, droppedSequence: dropped };
}

/** For a volume that can only be read: the history as the index has it, with no journal to go on with. CORRUPT without one. */
export function closedHistory(reader: MetaReader, random: Random): OpenedHistory {
  const tip = reader.tip();
  if (!tip) throw new DriveError('CORRUPT', { message: 'the index is empty', hint: 'rebuild it from the nodes' });
  const writeSet = new WriteSet({ random, onFollowerLost: () => undefined });
  return { tip, writeSet, forked: [], behind: [], replayedBatches: 0, droppedSequence: null };
}

/** What the index and the present nodes know, and what it amounts to; undefined when there is no history at all. */
export async function readHistory({
  meta,
  nodes,
}: Pick<OpeningInput, 'meta' | 'nodes'>): Promise<{ history: History | undefined; sources: JournalSources }> {
  const tip = meta.reader.tip();
  const keptHeads = keptChain(meta.reader);
  const from = Math.min(keptHeads[0]?.previousSequence ?? tip?.sequence ?? 0, tip?.sequence ?? 0);
  const sources = await JournalSources.read(nodes, from, meta.reader);
  const history = decideHistory({
    tip,
    knownEpochs: meta.reader.epochs(),
    keptHeads,
    nodes: sources.histories,
  });
  return { history, sources };
}

/**
 * Replays what the index lacks; the last batch only if its data is there or may still come back. Places of new chunks
 * are read 'as-replayed' from the segments that each batch names, or 'later' (a rebuild scans every segment anyway).
 */
export async function catchUpIndex(
  input: Pick<OpeningInput, 'meta' | 'nodes'>,
  history: History,
  sources: JournalSources,
  placesAreRead: 'as-replayed' | 'later',
): Promise<{ last: Tip; replayed: number; dropped: number | null }> {
  const { meta } = input;
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
      message: 'the index is missing',
      details: { reason: indexOffChain },
      hint: 'rebuild it from the nodes',
    });
  }
  const missing = history.chain.filter((link) => link.sequence > (tip?.sequence ?? 0));
  let last: Tip = history.tip;
  let dropped: number | null = null;
  const batches: FullBatch[] = [];
  const places: ChunkPlace[] = [];
  let bytes = 0;
  for (const [index, link] of missing.entries()) {
    const batch = await sources.batch(link);
    const operations = [...decodeOperations(batch.operations)];
    const isLast = index === missing.length - 1;
    const found =
      isLast || placesAreRead === 'as-replayed'
        ? await placesOf(operations, input, isLast)
        : { places: [], neverWritten: false };
    if (isLast && found.neverWritten) {
      dropped = link.sequence;
      last = { sequence: link.previousSequence, hash: link.previousHash, epoch: previousEpoch(history, link) };
      break;
    }
    batches.push(batch);
    places.push(...found.places);
    bytes += batch.bytes.length;
    if (bytes > replayBytes) {
      await meta.writer.replay({ batches: batches.splice(0), places: places.splice(0) });
      bytes = 0;
    }
  }
  if (batches.length > 0) await meta.writer.replay({ batches, places });
  return { last, replayed: missing.length - (dropped === null ? 0 : 1), dropped };
}

const replayBytes = 8 * 1024 * 1024;

/**
 * Places of a batch's new chunks, read from the segments that it names. `neverWritten`: a chunk of it is missing or
 * cut short on every node of its segments, and all of these nodes are here: the data never became durable, so the batch
 * was never acknowledged. A damaged copy, or a node that is away, is no such proof.
 */
async function placesOf(
  operations: readonly Operation[],
  { nodes, meta }: Pick<OpeningInput, 'meta' | 'nodes'>,
  verifyPayload: boolean,
): Promise<{ places: ChunkPlace[]; neverWritten: boolean }> {
  const segments: SegmentToScan[] = operations.flatMap((operation) =>
    operation.o === 'data' ? operation.segments : [],
  );
  const wanted = new Set<ChunkId>();
  for (const operation of operations) {
    if (operation.o === 'chunks') for (const [id] of operation.chunks) if (!meta.reader.chunkPlace(id)) wanted.add(id);
  }
  if (wanted.size === 0) return { places: [], neverWritten: false };
  let complete = true;
  const records = [];
  for (const segment of segments) {
    const report = await scanOnNodes(withKnownNodes(segment, meta), nodes, { verifyPayload });
    records.push(...report.records);
    complete &&= report.complete;
  }
  const best = bestPlaces(records.filter((record) => wanted.has(record.place.chunk)));
  const places = [...best.values()].filter((found) => found.condition !== 'cut').map((found) => found.place);
  return { places, neverWritten: complete && places.length < wanted.size };
}

function withKnownNodes(segment: SegmentToScan, meta: MetaStore): SegmentToScan {
  const known = meta.reader.segment(segment.id)?.replicas.map((replica) => replica.node) ?? [];
  return { id: segment.id, nodes: [...new Set([...segment.nodes, ...known])] };
}

/** The epoch that wrote the batch before `link`. */
function previousEpoch(history: History, link: ChainLink): string {
  return history.chain.find((other) => other.hash === link.previousHash)?.epoch ?? history.epoch.id;
}

/** Appends what a node's journal lacks; false when it cannot (the monitor knows why). */
async function level(
  node: EngineNode,
  position: number,
  last: Tip,
  chain: readonly ChainLink[],
  sources: JournalSources,
  writeSet: WriteSet,
): Promise<boolean> {
  if (!node.store.canAppend) return false;
  const links = chain.filter((link) => link.sequence > position && link.sequence <= last.sequence);
  if (position < (chain[0]?.previousSequence ?? last.sequence)) return false; // Too far behind: needs a checkpoint.
  writeSet.admit(node, position);
  try {
    for (const link of links) {
      const batch = await sources.batch(link);
      const report = await writeSet.append([node.id], batch);
      if (report.failed.length > 0) return false;
    }
  } catch (error) {
    // Its gap cannot be filled from the journals that are here: one more node that is behind, no reason not to open.
    if (!hasCode(error, 'DAMAGED')) throw error;
    writeSet.drop(node.id);
    return false;
  }
  writeSet.rewind(node.id, last.sequence);
  return true;
}

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
  return { tip, writeSet, forked: [], behind: [], replayedBatches: 0, droppedSequence: null };
}
