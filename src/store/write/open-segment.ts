/**
 * One segment being written: the same bytes at the same offsets on each of its nodes.
 *
 * Offsets are given out once, when `append` is called; what waits goes out in one write per node, one write at a time.
 * At the first failure of any replica nothing more is written (never append after doubt): what still waits resolves
 * with no nodes, and its owner takes it to another segment.
 */
import { assert } from '../../core/assert.js';
import type { EpochId, NodeId, SegmentId } from '../../core/ids.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { encodeRecord, recordBytes } from '../../segment/record.js';
import { encodeFooter, footerBytes } from '../../segment/segment-footer.js';
import { encodeSegmentHeader, segmentHeaderBytes } from '../../segment/segment-header.js';
import type { AppendedChunk, ChunkToStore, SegmentKind } from '../store-types.js';
import type { RunningHash } from './segment-hasher.js';
import type { SegmentReplica } from './segment-replica.js';
import { uploadMemory } from './upload-memory.js';

/** Longest single write: keeps the answers of a long queue coming. */
const longestWriteBytes = 8 * 1024 * 1024;
/** Records of a segment: bounds the table kept in memory for the footer (some 10 MiB). */
const mostRecords = 65_536;

export interface OpenSegmentOptions {
  readonly id: SegmentId;
  readonly epoch: EpochId;
  readonly kind: SegmentKind;
  readonly volumeId: string;
  readonly limitBytes: number;
  readonly replicas: readonly SegmentReplica[];
  /** Of all that is written; absent: the segment is read back for its hash. */
  readonly hash?: RunningHash | undefined;
}

interface Waiting {
  readonly end: number;
  readonly buffers: readonly Buffer[];
  readonly resolve: (nodes: NodeId[]) => void;
}

export class OpenSegment {
  readonly id: SegmentId;
  readonly epoch: EpochId;
  readonly kind: SegmentKind;
  readonly limitBytes: number;
  readonly replicas: readonly SegmentReplica[];
  readonly hash: RunningHash | undefined;
  readonly #header: Buffer;
  #places: ChunkPlace[] = [];
  #waiting: Waiting[] = [];
  /** Where the next record goes. */
  #next = segmentHeaderBytes;
  /** End of the last write that was handed to the replicas. */
  #issued = 0;
  #accepting = true;
  #flushing: Promise<void> | undefined;

  constructor({ id, epoch, kind, volumeId, limitBytes, replicas, hash }: OpenSegmentOptions) {
    this.id = id;
    this.epoch = epoch;
    this.kind = kind;
    this.limitBytes = limitBytes;
    this.replicas = replicas;
    this.hash = hash;
    this.#header = encodeSegmentHeader({ volume: volumeId, segment: id });
  }

  get isWhole(): boolean {
    return this.replicas.every((replica) => replica.isGood);
  }

  get nodes(): NodeId[] {
    return this.replicas.map((replica) => replica.node);
  }

  /** What at least one trusted node took; else what was made durable somewhere before. */
  get lengthBytes(): number {
    const lengths = this.replicas.map((replica) => (replica.isTrusted ? replica.writtenBytes : replica.durableBytes));
    return Math.max(0, ...lengths);
  }

  /** Bytes promised to it that nobody has written yet. */
  get unwrittenBytes(): number {
    return this.#accepting ? Math.max(0, this.limitBytes - this.#issued) : Math.max(0, this.#next - this.#issued);
  }

  /** Whether a chunk may be appended now: never after `endAppends`, which follows any failure. An empty segment takes a chunk of any length. */
  takes(plainBytes: number): boolean {
    if (!this.#accepting) return false;
    const count = this.#places.length;
    if (count === 0) return true;
    const end = this.#next + recordBytes(plainBytes) + footerBytes(count + 1);
    return count < mostRecords && end <= this.limitBytes;
  }

  /**
   * Gives the chunk its offset at once; resolves when all replicas answered, with those that took it (none when the
   * segment stopped before). Never rejects. Only after `takes` said yes, in the same turn.
   */
  async append({ id, plain }: ChunkToStore): Promise<AppendedChunk> {
    assert(this.#accepting, 'a segment that ended takes no chunk');
    const offset = this.#next;
    const { head, payload } = encodeRecord({ segment: this.id, offset, chunk: id, plain });
    const bytes = head.length + payload.length;
    const place: ChunkPlace = { chunk: id, segment: this.id, offset, recordBytes: bytes, plainBytes: plain.length };
    this.#next += bytes;
    this.#places.push(place);
    return { place, nodes: await this.#enqueue([head, payload]), wanted: this.kind.wanted };
  }

  /** No more appends; those already given an offset are still written, unless there was a failure. */
  endAppends(): void {
    this.#accepting = false;
  }

  /** Resolves when nothing waits and no write is under way. */
  async settled(): Promise<void> {
    await this.#flushing;
  }

  /** After `endAppends` and `settled`, when all replicas are good: the table of records. */
  async appendFooter(): Promise<void> {
    const footer = encodeFooter(this.id, this.#next, this.#places);
    if (!footer) return;
    this.#next += footer.head.length + footer.payload.length;
    await this.#enqueue([footer.head, footer.payload]);
  }

  /** The table of records is needed no more. */
  dropPlaces(): void {
    this.#places = [];
  }

  #enqueue(buffers: readonly Buffer[]): Promise<NodeId[]> {
    const end = this.#next;
    const taken = new Promise<NodeId[]>((resolve) => this.#waiting.push({ end, buffers, resolve }));
    this.#flushing ??= this.#flush();
    return taken;
  }

  async #flush(): Promise<void> {
    // What else this turn brings shall share the write.
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (this.#issued === 0) await Promise.all(this.replicas.map((replica) => replica.create()));
    while (this.#waiting.length > 0 && this.isWhole) await this.#writeSome();
    const stranded = this.#waiting;
    this.#waiting = [];
    this.#flushing = undefined;
    for (const { resolve } of stranded) resolve([]);
  }

  async #writeSome(): Promise<void> {
    const position = this.#issued;
    let count = 1;
    while (count < this.#waiting.length && this.#waiting[count]!.end - position <= longestWriteBytes) count += 1;
    const batch = this.#waiting.splice(0, count);
    const buffers = batch.flatMap((waiting) => waiting.buffers);
    if (position === 0) buffers.unshift(this.#header);
    const end = batch.at(-1)!.end;
    this.#issued = end;
    const [took] = await Promise.all([
      Promise.all(this.replicas.map((replica) => replica.write(position, buffers, end - position))),
      this.hash?.add(buffers),
    ]);
    // A write that missed its deadline may read its buffers later.
    if (took.includes(false)) for (const buffer of buffers) uploadMemory.abandon(buffer);
    const nodes = this.nodes.filter((_, index) => took[index]);
    for (const { resolve } of batch) resolve(nodes);
  }
}
