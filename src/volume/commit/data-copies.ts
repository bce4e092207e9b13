/**
 * Makes new chunks durable with the wanted number of copies before any journal names them. A copy whose fsync failed is
 * never retried in place: the chunk is read from a copy that is durable (verified) and written to a new segment on other
 * nodes. One copy suffices only while a single node can be written to.
 */
import { asDriveError, DriveError } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import type { AppendedChunk, ChunkToStore, Lane, ReadTarget, SyncedSegment } from '../../store/store-types.js';

/** What it needs of the segment store and its reader. */
export interface DataPath {
  append(
    chunks: readonly ChunkToStore[],
    options: { readonly lane: Lane; readonly wanted?: number | undefined },
  ): Promise<AppendedChunk[]>;
  sync(segments: readonly SegmentId[]): Promise<SyncedSegment[]>;
  durableNodes(place: ChunkPlace): readonly NodeId[];
}

export interface VerifiedReads {
  read(target: ReadTarget, start: number, end: number): Promise<Buffer>;
}

export interface DurableData {
  /** For each chunk that is durable: where, and on which nodes. */
  readonly stored: ReadonlyMap<AppendedChunk, AppendedChunk>;
  /** Why the others are not. An error costs as much as a small write: none is made for nothing. */
  readonly error: () => DriveError;
}

/** Each round needs another node to fail, so this is more than the nodes that could fail in one batch. */
const roundLimit = 5;

export class DataCopies {
  private readonly store: DataPath;
  private readonly reads: VerifiedReads;
  private readonly wantedCopies: (wanted: number | undefined) => number;

  /** `wantedCopies`: what the segment or the volume wants, or fewer while fewer nodes can be written to (at least 1). */
  constructor(options: {
    store: DataPath;
    reads: VerifiedReads;
    wantedCopies: (wanted: number | undefined) => number;
  }) {
    this.store = options.store;
    this.reads = options.reads;
    this.wantedCopies = options.wantedCopies;
  }

  async makeDurable(chunks: readonly AppendedChunk[]): Promise<DurableData> {
    const stored = new Map<AppendedChunk, AppendedChunk>();
    let failure: DriveError | undefined;
    let pending = chunks.map((chunk) => ({ chunk, written: chunk }));
    for (let round = 0; pending.length > 0; round++) {
      await this.store.sync([...new Set(pending.map(({ written }) => written.place.segment))]);
      const again: { chunk: AppendedChunk; written: AppendedChunk }[] = [];
      for (const { chunk, written } of pending) {
        const nodes = this.store.durableNodes(written.place);
        if (nodes.length === 0) continue;
        const durable = { ...chunk, place: written.place, nodes };
        stored.set(chunk, durable);
        if (nodes.length >= this.wantedCopies(chunk.wanted) || round >= roundLimit) continue;
        try {
          again.push({ chunk, written: await this.writeAgain(durable) });
        } catch (cause) {
          // Without another node to write to, that is "one copy so far".
          failure = asDriveError(cause);
        }
      }
      pending = again;
    }
    return { stored, error: () => failure ?? noDisk() };
  }

  private async writeAgain({ place, nodes, wanted }: AppendedChunk): Promise<AppendedChunk> {
    const plain = await this.reads.read({ place, nodes }, 0, place.plainBytes);
    const lane = place.plainBytes > 256 * 1024 ? 'bulk' : 'small';
    const [appended] = await this.store.append([{ id: place.chunk, plain }], { lane, wanted });
    return appended!;
  }
}

const noDisk = (): DriveError =>
  new DriveError('UNAVAILABLE', {
    message: 'no disk could store the data',
    hint: 'check the disks with `holdfast status`',
  });
