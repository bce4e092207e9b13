/**
 * Makes the new chunks of a batch durable with the wanted number of copies before anything is acknowledged. A copy
 * whose fsync failed is never retried in place: the chunk is read from a copy that is durable (verified) and written
 * to a new segment on other nodes. One copy suffices only while a single node can be written to.
 */
import { asDriveError, DriveError } from '../core/errors.js';
import type { ChunkId, NodeId, SegmentId } from '../core/ids.js';
import type { ChunkPlace } from '../segment/chunk-place.js';
import type { AppendedChunk, ChunkToStore, Lane, ReadTarget, SyncedSegment } from '../store/store-types.js';

/** What it needs of the segment store and its reader. */
export interface DataPath {
  append(chunks: readonly ChunkToStore[], options: { readonly lane: Lane }): Promise<AppendedChunk[]>;
  sync(segments: readonly SegmentId[]): Promise<SyncedSegment[]>;
  durableNodes(place: ChunkPlace): readonly NodeId[];
}

export interface VerifiedReads {
  read(target: ReadTarget, start: number, end: number): Promise<Buffer>;
}

export interface DurableData {
  readonly places: readonly ChunkPlace[];
  /** Segments and nodes of chunks that were written again, for the index and the next batch's journal. */
  readonly repairedData: readonly { readonly id: SegmentId; readonly nodes: readonly NodeId[] }[];
  /** Chunks that no node holds durably. */
  readonly lost: ReadonlySet<ChunkId>;
  readonly error: DriveError | undefined;
}

/** Each round needs another node to fail, so this is more than the nodes that could fail in one batch. */
const roundLimit = 5;

export class DataCopies {
  private readonly store: DataPath;
  private readonly reads: VerifiedReads;
  private readonly wantedCopies: () => number;

  /** `wantedCopies`: replicas of the volume, or fewer while fewer nodes can be written to (at least 1). */
  constructor(options: { store: DataPath; reads: VerifiedReads; wantedCopies: () => number }) {
    this.store = options.store;
    this.reads = options.reads;
    this.wantedCopies = options.wantedCopies;
  }

  async makeDurable(chunks: readonly AppendedChunk[]): Promise<DurableData> {
    const places: ChunkPlace[] = [];
    const repaired: AppendedChunk[] = [];
    const lost = new Set<ChunkId>();
    let error: DriveError | undefined;
    let pending = chunks.filter((chunk) => !chunk.isCommitted);
    for (let round = 0; pending.length > 0; round++) {
      await this.store.sync([...new Set(pending.map((chunk) => chunk.place.segment))]);
      const short: AppendedChunk[] = [];
      for (const chunk of pending) {
        const durable = this.store.durableNodes(chunk.place);
        if (durable.length >= this.wantedCopies() || (durable.length > 0 && round >= roundLimit))
          places.push(chunk.place);
        else if (durable.length > 0) short.push(chunk);
        else lost.add(chunk.place.chunk);
      }
      const again: AppendedChunk[] = [];
      for (const chunk of short) {
        try {
          again.push(await this.writeAgain(chunk));
        } catch (cause) {
          // It is durable on one node at least; without another node to write to, that is "one copy so far".
          error = asDriveError(cause);
          places.push(chunk.place);
        }
      }
      repaired.push(...again);
      pending = again;
    }
    if (lost.size > 0) {
      error ??= new DriveError('UNAVAILABLE', {
        message: 'no disk could store the data',
        hint: 'check the disks with `holdfast status`',
      });
    }
    const kept = new Set(places);
    return {
      places,
      repairedData: repaired
        .filter((chunk) => kept.has(chunk.place))
        .map((chunk) => ({ id: chunk.place.segment, nodes: chunk.nodes })),
      lost,
      error,
    };
  }

  private async writeAgain(chunk: AppendedChunk): Promise<AppendedChunk> {
    const nodes = this.store.durableNodes(chunk.place);
    const plain = await this.reads.read({ place: chunk.place, nodes }, 0, chunk.place.plainBytes);
    const lane = chunk.place.plainBytes > 256 * 1024 ? 'bulk' : 'small';
    const [appended] = await this.store.append([{ id: chunk.place.chunk, plain }], { lane });
    return appended!;
  }
}
