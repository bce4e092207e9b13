/**
 * Ends a segment for good: footer when all its replicas are good, fsync, close, and the hash: the one that was made
 * while it was written, else of what is read back and verified record by record. Then the caller is told, first the
 * seal and then the copies that must be healed.
 */
import type { SegmentId } from '../../core/ids.js';
import { verifiedPieces } from '../read/verified-pieces.js';
import type { BadCopy, SealedSegment } from '../store-types.js';
import type { OpenSegment } from './open-segment.js';
import type { SegmentHasher } from './segment-hasher.js';
import type { SegmentReplica } from './segment-replica.js';

export interface SegmentSealerOptions {
  /** Closed with the sealer. */
  readonly hasher: SegmentHasher;
  readonly onSealed: (sealed: SealedSegment) => void;
  /** Nothing of the segment was ever durable, and no node is left that took a byte: there is nothing to seal. */
  readonly onEmpty: (segment: SegmentId) => void;
  readonly onBadCopy: (copy: BadCopy) => void;
}

export class SegmentSealer {
  readonly #options: SegmentSealerOptions;
  readonly #running = new Map<SegmentId, Promise<void>>();

  constructor(options: SegmentSealerOptions) {
    this.#options = options;
  }

  isSealing(segment: SegmentId): boolean {
    return this.#running.has(segment);
  }

  /** Once for each segment; never rejects: a segment that cannot be read back is sealed without a hash. */
  seal(segment: OpenSegment): Promise<void> {
    let sealing = this.#running.get(segment.id);
    if (!sealing) {
      sealing = this.#seal(segment).finally(() => this.#running.delete(segment.id));
      this.#running.set(segment.id, sealing);
    }
    return sealing;
  }

  /** Waits for what is being sealed; idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.#running.values());
    await this.#options.hasher.close();
  }

  async #seal(segment: OpenSegment): Promise<void> {
    segment.endAppends();
    await segment.settled();
    if (segment.isWhole) await segment.appendFooter();
    await segment.settled();
    await Promise.all(segment.replicas.map((replica) => replica.sync()));
    await Promise.all(segment.replicas.map((replica) => replica.finish()));
    segment.dropPlaces();
    const { lengthBytes } = segment;
    const written = await segment.hash?.end(lengthBytes);
    if (lengthBytes === 0) return this.#options.onEmpty(segment.id);
    const kept = wholeReplicas(segment, lengthBytes);
    const badCopies: BadCopy[] = [];
    for (const replica of segment.replicas) {
      const problem = replica.isTrusted ? 'short' : 'io';
      if (!replica.isTrusted || replica.writtenBytes < lengthBytes) badCopies.push(badCopy(segment, replica, problem));
    }
    const isTrusted = kept.some((replica) => replica.isTrusted);
    const hash = isTrusted && written ? written : await this.#hashOfFile(segment, lengthBytes, kept, badCopies);
    const nodes = kept.map(({ node }) => node);
    this.#options.onSealed({ segment: segment.id, lengthBytes, hash, nodes, wanted: segment.kind.wanted });
    for (const copy of badCopies) this.#options.onBadCopy(copy);
  }

  async #hashOfFile(
    segment: OpenSegment,
    lengthBytes: number,
    kept: readonly SegmentReplica[],
    badCopies: BadCopy[],
  ): Promise<string | null> {
    // A replica that failed is not asked: after a failed fsync its pages may say what its disk does not hold.
    const sources = kept.filter(({ isTrusted }) => isTrusted).map(({ store }) => store);
    if (sources.length === 0) return null;
    const onBadCopy = (copy: BadCopy) => badCopies.push(copy);
    try {
      return await this.#options.hasher.hash(verifiedPieces({ segment: segment.id, lengthBytes, sources, onBadCopy }));
    } catch {
      // What could not be read is told as bad copies; a seal without a hash is a seal all the same.
      return null;
    }
  }
}

/** Those that hold all of it durably: trusted ones, or if there is none, those that did before they failed. */
function wholeReplicas({ replicas }: OpenSegment, lengthBytes: number): SegmentReplica[] {
  const whole = replicas.filter(({ durableBytes }) => durableBytes >= lengthBytes);
  const trusted = whole.filter(({ isTrusted }) => isTrusted);
  return trusted.length > 0 ? trusted : whole;
}

function badCopy(segment: OpenSegment, { node }: SegmentReplica, problem: BadCopy['problem']): BadCopy {
  return { segment: segment.id, node, problem };
}
