/**
 * The writing side of the store: chunks into open segments on several nodes, fsync, seals. It is told the nodes and
 * never asks the index; what it says (places, durable copies, seals) is for the caller to record.
 *
 * A chunk that fewer nodes took than could have taken it is written again to a new segment before `append` resolves.
 * Nothing is durable before `sync`, and only what `durableNodes` names counts for an acknowledgement.
 */
import { DriveError } from '../../core/errors.js';
import type { ChunkId, NodeId, SegmentId } from '../../core/ids.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import type { NodeLimits } from '../capacity.js';
import type {
  AppendedChunk,
  BadCopy,
  ChunkToStore,
  Lane,
  OpenSegmentStatus,
  SealedSegment,
  SegmentKind,
  SyncedSegment,
} from '../store-types.js';
import type { OpenSegment } from './open-segment.js';
import { OpenSegments, type OpenSegmentsOptions } from './open-segments.js';
import { SegmentHasher } from './segment-hasher.js';
import { SegmentSealer } from './segment-sealer.js';

export interface SegmentStoreOptions
  extends Pick<
    OpenSegmentsOptions,
    'nodes' | 'volumeId' | 'epoch' | 'safety' | 'clock' | 'usedBytes' | 'availableBytes'
  > {
  /** Copies of a segment for which no other number is wanted. */
  readonly copies: number;
  /** A replica of a sealed segment that is not what it should be: for the heal queue, after the segment's `onSealed`. */
  readonly onBadCopy: (copy: BadCopy) => void;
  /** Never for a segment of which nothing was ever durable and no good replica is left: no chunk of it counts. */
  readonly onSealed: (sealed: SealedSegment) => void;
}

export interface AppendOptions {
  readonly lane: Lane;
  /** Copies that are wanted; default: the store's. */
  readonly wanted?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Sealed segments whose durable copies are remembered for chunks not yet committed: 128 GiB of writes. */
const mostSealedKept = 1024;

export class SegmentStore {
  readonly #hasher = new SegmentHasher();
  readonly #lanes: OpenSegments;
  readonly #sealer: SegmentSealer;
  readonly #nodeCount: () => number;
  readonly #copies: number;
  readonly #unsealed = new Map<SegmentId, OpenSegment>();
  readonly #sealed = new Map<SegmentId, OpenSegment>();
  readonly #pins = new Map<SegmentId, number>();
  #closed = false;

  private constructor({ onBadCopy, onSealed, copies, ...options }: SegmentStoreOptions) {
    this.#copies = copies;
    this.#nodeCount = () => options.nodes().length;
    this.#sealer = new SegmentSealer({
      hasher: this.#hasher,
      onBadCopy,
      onEmpty: (segment) => this.#unsealed.delete(segment),
      onSealed: (sealed) => {
        this.#rememberSealed(sealed.segment);
        onSealed(sealed);
      },
    });
    const seal = (segment: OpenSegment) => void this.#sealer.seal(segment);
    this.#lanes = new OpenSegments({
      ...options,
      unsealed: () => this.#unsealed.values(),
      startHash: () => this.#hasher.start(),
      onOpened: (segment) => this.#unsealed.set(segment.id, segment),
      onEnded: seal,
      onDoubt: seal,
    });
  }

  /** Touches no node: the first append makes the first files. */
  static async open(options: SegmentStoreOptions): Promise<SegmentStore> {
    return new SegmentStore(options);
  }

  /** The name of a chunk to be appended, off the main thread where that pays. The bytes may not change before it resolves. */
  chunkId(plain: Buffer): Promise<ChunkId> {
    return this.#hasher.chunkId(plain);
  }

  /**
   * Writes chunks; resolves, in their order, when all nodes of their segments took them or failed. Offsets are given
   * out before the call returns. The plain bytes may not change before it resolves. Cancelled only between attempts.
   * UNAVAILABLE when no node can be written to (or took it), OUT_OF_SPACE, CLOSED, ABORTED; chunks of a failed call
   * may have left dead bytes.
   */
  async append(chunks: readonly ChunkToStore[], options: AppendOptions): Promise<AppendedChunk[]> {
    const { lane, wanted = this.#copies, signal } = options;
    const kind: SegmentKind = { lane, wanted };
    const best: (AppendedChunk | undefined)[] = chunks.map(() => undefined);
    let missing = chunks.map((_, index) => index);
    // Each failed attempt ends with one node avoided, so there is no sense in more attempts than nodes.
    for (let left = this.#nodeCount() + 1; missing.length > 0 && left > 0; left -= 1) {
      this.#requireOpen();
      if (signal?.aborted) throw new DriveError('ABORTED');
      const attempts = missing.map((index) => this.#appendOne(chunks[index]!, kind));
      const appended = await Promise.all(attempts);
      const again: number[] = [];
      for (const [at, index] of missing.entries()) {
        const { chunk, isWhole } = appended[at]!;
        if (chunk.nodes.length > (best[index]?.nodes.length ?? 0)) best[index] = chunk;
        if (!isWhole && (best[index]?.nodes.length ?? 0) < this.#lanes.wantedCopies(kind)) again.push(index);
      }
      missing = again;
    }
    return best.map((chunk) => {
      if (!chunk) throw new DriveError('UNAVAILABLE', { message: 'no node took the chunk' });
      return chunk;
    });
  }

  /**
   * fsync of these segments on all their nodes, covering every append that resolved before the call. Never rejects for
   * a node's failure: that is final and told in `failed`. A segment that is not known (any more) has neither.
   */
  async sync(segments: readonly SegmentId[]): Promise<SyncedSegment[]> {
    this.#requireOpen();
    return Promise.all(
      segments.map(async (id) => {
        const segment = this.#find(id);
        const replicas = segment?.replicas ?? [];
        const end = segment?.lengthBytes ?? 0;
        const synced = await Promise.all(replicas.map((replica) => replica.sync()));
        // A node that got full before the end synced what it has: not all of it.
        const holds = replicas.map(
          (replica, index) => synced[index] && (replica.isGood || replica.durableBytes >= end),
        );
        const nodes = replicas.map(({ node }) => node);
        return {
          segment: id,
          durable: nodes.filter((_, index) => holds[index]),
          failed: nodes.filter((_, index) => !holds[index]),
        };
      }),
    );
  }

  /** Nodes on which an fsync that began after the chunk's write succeeded, and which have not failed since. */
  durableNodes({ segment, offset, recordBytes }: ChunkPlace): NodeId[] {
    const replicas = this.#find(segment)?.replicas ?? [];
    return replicas
      .filter(({ isTrusted, durableBytes }) => isTrusted && durableBytes >= offset + recordBytes)
      .map(({ node }) => node);
  }

  /** The node is not there any more: its segments get no more appends and are sealed on the others. */
  nodeLeft(node: NodeId): void {
    for (const segment of this.#unsealed.values()) {
      for (const replica of segment.replicas) {
        if (replica.node === node) replica.distrust(new DriveError('NODE_GONE', { details: { node } }));
      }
    }
  }

  /** It was asked, and is well: what it failed at before counts no more. */
  trust(node: NodeId): void {
    this.#lanes.trust(node);
  }

  /** Seals every open segment; resolves when all are sealed and told. For a clean shutdown, before `close`. */
  async sealAll(): Promise<void> {
    this.#requireOpen();
    const segments = [...this.#unsealed.values()];
    for (const segment of segments) this.#lanes.drop(segment);
    await Promise.all(segments.map((segment) => this.#sealer.seal(segment)));
  }

  /** Ends a segment that is open, so that it can be treated like the others; nothing happens when it is not. */
  seal(id: SegmentId): void {
    const segment = this.#unsealed.get(id);
    if (!segment) return;
    this.#lanes.drop(segment);
    void this.#sealer.seal(segment);
  }

  /** Segments not sealed yet. */
  openSegments(): OpenSegmentStatus[] {
    return [...this.#unsealed.values()].map((segment) => {
      const durable = segment.replicas.filter(({ isTrusted }) => isTrusted).map(({ durableBytes }) => durableBytes);
      return {
        segment: segment.id,
        ...segment.kind,
        nodes: segment.nodes,
        lengthBytes: segment.lengthBytes,
        durableBytes: durable.length > 0 ? Math.min(...durable) : 0,
        sealing: this.#sealer.isSealing(segment.id),
      };
    });
  }

  /** What a segment and a node's reserve come to now, for `availableBytes`. */
  limits(): NodeLimits {
    return this.#lanes.limits();
  }

  /** Pins are counted: a segment pinned twice is free after the second `unpin`. */
  pin(segment: SegmentId): void {
    this.#pins.set(segment, (this.#pins.get(segment) ?? 0) + 1);
  }

  unpin(segment: SegmentId): void {
    const count = this.#pins.get(segment) ?? 0;
    if (count > 1) this.#pins.set(segment, count - 1);
    else this.#pins.delete(segment);
  }

  isPinned(segment: SegmentId): boolean {
    return this.#pins.has(segment);
  }

  pinned(): SegmentId[] {
    return [...this.#pins.keys()];
  }

  /** Ends writing without sealing what is open; waits for what is being written and sealed. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const open = [...this.#unsealed.values()].filter(({ id }) => !this.#sealer.isSealing(id));
    for (const segment of open) this.#lanes.drop(segment);
    await Promise.all(
      open.map(async (segment) => {
        await segment.settled();
        await Promise.all(segment.replicas.map((replica) => replica.finish()));
      }),
    );
    await this.#sealer.close();
  }

  async #appendOne(chunk: ChunkToStore, kind: SegmentKind): Promise<{ chunk: AppendedChunk; isWhole: boolean }> {
    const segment = this.#lanes.take(kind, chunk.plain.length);
    const appended = await segment.append(chunk);
    return { chunk: appended, isWhole: appended.nodes.length === segment.replicas.length };
  }

  #rememberSealed(id: SegmentId): void {
    const segment = this.#unsealed.get(id);
    if (!segment) return;
    this.#unsealed.delete(id);
    this.#sealed.set(id, segment);
    const [oldest] = this.#sealed.keys();
    if (this.#sealed.size > mostSealedKept) this.#sealed.delete(oldest!);
  }

  #find(id: SegmentId): OpenSegment | undefined {
    return this.#unsealed.get(id) ?? this.#sealed.get(id);
  }

  #requireOpen(): void {
    if (this.#closed) throw new DriveError('CLOSED');
  }
}
