/**
 * Reads ranges of chunks: verified bytes only, from the replica that seems best, and from the next one after an error,
 * a mismatch, or when the first takes longer than it usually does. The first verified answer wins.
 *
 * Only what is needed is read: the head of the record (cached) and the blocks touched; the whole record in one read
 * when most of it is wanted. Short ranges stay in a cache of hot blocks; long ones are streams and would only wash it.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/clock.js';
import { withDeadline } from '../../core/deadline.js';
import { DriveError } from '../../core/errors.js';
import type { NodeId } from '../../core/ids.js';
import type { SafetyParameters } from '../../core/safety-parameters.js';
import { blockBytes } from '../../segment/chunk-id.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { decodeHead, headBytes, payloadRange, type RecordHead, verifyBlocks } from '../../segment/record.js';
import { segmentFileName } from '../../segment/segment-id.js';
import type { StoreNode } from '../store-node.js';
import type { BadCopy, ReadTarget } from '../store-types.js';
import { shortCopy } from './bad-copy.js';
import { HotBlocks } from './hot-blocks.js';
import { type Candidates, orderCandidates, preferOther } from './read-candidates.js';
import { raceReplicas } from './replica-race.js';

export interface SegmentReaderOptions {
  readonly nodes: () => readonly StoreNode[];
  readonly safety: Pick<SafetyParameters, 'readDeadlineMs'>;
  readonly clock: Clock;
  /** Memory for hot blocks; 0 for none, default 32 MiB. */
  readonly cacheBytes?: number | undefined;
  /** Each copy that a read found bad, once for that read. */
  readonly onBadCopy: (copy: BadCopy) => void;
}

export interface ReadCounters {
  /** Reads that went on to another replica after an error or a mismatch, or because the first one's node is away. */
  readonly failovers: number;
  /** Copies that did not verify. */
  readonly checksumErrors: number;
  /** Reads that asked a further replica because one was slow. */
  readonly hedges: number;
}

/** One read in so many asks another replica first. */
const otherReplicaEvery = 8;
const defaultCacheBytes = 32 * 1024 * 1024;
/** In blocks, of 90 bytes: some 2,000 heads of whole chunks. (By `max` the cache would take all its room at once.) */
const mostHeadBlocks = 2048 * 16;

/** What a read wants, in plain bytes of the chunk. */
interface Wanted {
  readonly place: ChunkPlace;
  readonly start: number;
  readonly end: number;
}

export class SegmentReader {
  readonly #options: SegmentReaderOptions;
  readonly #hotBlocks: HotBlocks;
  readonly #heads = new LRUCache<string, RecordHead>({
    maxSize: mostHeadBlocks,
    sizeCalculation: ({ blocks }) => Math.max(1, blocks.length),
  });
  #reads = 0;
  readonly #counters = { failovers: 0, checksumErrors: 0, hedges: 0 };

  constructor(options: SegmentReaderOptions) {
    this.#options = options;
    this.#hotBlocks = new HotBlocks(options.cacheBytes ?? defaultCacheBytes);
  }

  get counters(): ReadCounters {
    return { ...this.#counters };
  }

  #candidates(place: ChunkPlace, nodes: readonly NodeId[]): Candidates {
    const candidates = orderCandidates(nodes, this.#options.nodes(), `${place.segment}/${place.offset}`);
    this.#reads += 1;
    if (candidates.isFirstAway) this.#counters.failovers += 1;
    return this.#reads % otherReplicaEvery === 0 ? preferOther(candidates) : candidates;
  }

  /** The plain bytes, if they were verified lately and are in memory; the caller's to give back, not to change. */
  atHand(place: ChunkPlace, plainStart: number, plainEnd: number): Buffer | undefined {
    return this.#hotBlocks.get(place, plainStart, plainEnd);
  }

  /**
   * The plain bytes from `plainStart` to `plainEnd` (exclusive; inside the chunk), which the caller may not change.
   * DAMAGED when no copy is left that could be good, UNAVAILABLE while one is only out of reach (`details.copies` says
   * for each node what was wrong), ABORTED.
   */
  async read(
    { place, nodes }: ReadTarget,
    plainStart: number,
    plainEnd: number,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Buffer> {
    if (plainStart < 0 || plainEnd < plainStart || plainEnd > place.plainBytes) {
      throw new DriveError('INTERNAL', { message: `bytes ${plainStart} to ${plainEnd} of ${place.plainBytes}` });
    }
    if (plainStart === plainEnd) return Buffer.alloc(0);
    const wanted: Wanted = { place, start: plainStart, end: plainEnd };
    const hot = this.#hotBlocks.get(place, plainStart, plainEnd);
    if (hot) return hot;
    return raceReplicas({
      segment: place.segment,
      candidates: this.#candidates(place, nodes),
      read: (node) => this.#readFrom(node, wanted),
      clock: this.#options.clock,
      readDeadlineMs: this.#options.safety.readDeadlineMs,
      signal,
      onFailover: () => {
        this.#counters.failovers += 1;
      },
      onHedge: () => {
        this.#counters.hedges += 1;
      },
      onBadCopy: (copy) => {
        if (copy.problem === 'damaged' || copy.problem === 'short') this.#counters.checksumErrors += 1;
        this.#options.onBadCopy(copy);
      },
    });
  }

  async #readFrom(node: StoreNode, wanted: Wanted): Promise<Buffer> {
    const { place, start, end } = wanted;
    const { head, payload } = await this.#fetch(node, wanted);
    const range = payloadRange(head, start, end);
    const plain = verifyBlocks(head, range, payload);
    this.#heads.set(keyOf(place), head);
    const firstByte = range.firstBlock * blockBytes;
    this.#hotBlocks.set(place, range.firstBlock, plain);
    return plain.subarray(start - firstByte, end - firstByte);
  }

  /** The verified head, and the stored blocks of the range, not verified yet. */
  async #fetch(node: StoreNode, wanted: Wanted): Promise<{ head: RecordHead; payload: Buffer }> {
    const { place, start, end } = wanted;
    const known = this.#heads.get(keyOf(place));
    const mostIsWanted = (end - start) * 2 > place.plainBytes;
    if (known && !mostIsWanted) {
      const range = payloadRange(known, start, end);
      return { head: known, payload: await this.#readBytes(node, place, range.start, range.end) };
    }
    const headEnd = place.offset + headBytes(place.plainBytes);
    let firstEnd = headEnd;
    if (mostIsWanted) firstEnd = place.offset + place.recordBytes;
    // The first blocks follow the head directly: one read for both.
    else if (start < blockBytes) firstEnd = headEnd + Math.ceil(end / blockBytes) * blockBytes;
    const first = await this.#readBytes(node, place, place.offset, firstEnd);
    const { segment, offset, chunk, plainBytes } = place;
    const head = decodeHead(first, { segment, offset, chunk, plainBytes });
    const range = payloadRange(head, start, end);
    if (range.end <= firstEnd) return { head, payload: first.subarray(range.start - offset, range.end - offset) };
    return { head, payload: await this.#readBytes(node, place, range.start, range.end) };
  }

  async #readBytes(node: StoreNode, place: ChunkPlace, start: number, recordEnd: number): Promise<Buffer> {
    const { clock, safety } = this.#options;
    const end = Math.min(recordEnd, place.offset + place.recordBytes);
    const reading = node.store.read('segments', segmentFileName(place.segment), start, end - start);
    const bytes = await withDeadline(reading, safety.readDeadlineMs, clock, {
      missed: () => new DriveError('NODE_GONE', { message: 'deadline missed', details: { node: node.id } }),
      // Too late to be of use, and its node is known to be slow by now.
      late: () => undefined,
    });
    if (bytes.length < end - start) throw shortCopy({ segment: place.segment, node: node.id, offset: start });
    return bytes;
  }
}

function keyOf({ segment, offset, chunk }: ChunkPlace): string {
  return `${segment}/${offset}/${chunk}`;
}
