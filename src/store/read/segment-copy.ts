/**
 * Healing and scrubbing of one replica: copy a segment to a node from verified sources, and read one replica to see
 * whether it is good. Neither knows the index; the caller records the result.
 */
import { createHash, type Hash } from 'node:crypto';
import { DriveError } from '../../core/errors.js';
import type { SegmentId } from '../../core/ids.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { decodeHead, verifyBlocks } from '../../segment/record.js';
import { segmentFileName } from '../../segment/segment-id.js';
import type { StoreNode } from '../store-node.js';
import type { BadCopy } from '../store-types.js';
import { problemOf } from './bad-copy.js';
import { type PieceSource, verifiedPieces } from './verified-pieces.js';

export interface SegmentToCheck {
  readonly segment: SegmentId;
  /** Of its seal. */
  readonly lengthBytes: number;
  /** Hex SHA-256 of its seal; null when not known. */
  readonly hash: string | null;
  readonly signal?: AbortSignal | undefined;
  /** Called with the length of each piece read; resolves when the next one may be read. */
  readonly pace?: ((bytes: number) => Promise<void>) | undefined;
}

export interface SegmentCopyOptions extends SegmentToCheck {
  /** In the order in which they are asked. */
  readonly from: readonly Pick<StoreNode, 'store'>[];
  readonly to: Pick<StoreNode, 'store'>;
  /** A source that did not verify, once for each. */
  readonly onBadCopy?: ((copy: BadCopy) => void) | undefined;
}

/**
 * Writes the whole segment to `to` (temporary file, renamed over what is there) and returns its length. Each record is
 * verified on its way, taken from another source where one does not verify, and the whole compared with `hash` before
 * the rename: what does not verify is never put. DAMAGED, UNAVAILABLE (`details.copies`), ABORTED, and the errors of
 * the target.
 */
export async function copySegment(options: SegmentCopyOptions): Promise<number> {
  const { segment, lengthBytes, hash, from, to, onBadCopy, signal, pace } = options;
  const sources = from.map(({ store }) => store);
  const pieces = verifiedPieces({ segment, lengthBytes, sources, onBadCopy, signal });
  await to.store.put('segments', segmentFileName(segment), checked(oneAhead(pieces, pace), { segment, hash }));
  return lengthBytes;
}

/**
 * Reads all of one replica, from its disk where the system allows. Throws when nothing can be said about it: UNAVAILABLE when its node cannot be read,
 * ABORTED. A file longer than the segment is good: what lies behind its length does not count.
 */
export async function verifyReplica(
  options: SegmentToCheck & { readonly node: { readonly store: PieceSource } },
): Promise<'good' | 'missing' | 'damaged' | 'short'> {
  const { segment, lengthBytes, hash, node, signal, pace } = options;
  const problems: BadCopy['problem'][] = [];
  const onBadCopy = ({ problem }: BadCopy) => problems.push(problem);
  const pieces = verifiedPieces({ segment, lengthBytes, sources: [cold(node.store)], onBadCopy, signal });
  try {
    for await (const _ of checked(oneAhead(pieces, pace), { segment, hash }));
    return 'good';
  } catch (error) {
    const problem = problems[0] ?? problemOf(error);
    if (problem === undefined) throw error;
    // A sector that cannot be read is as lost as one that reads wrong.
    return problem === 'io' ? 'damaged' : problem;
  }
}

/** One record of one replica, read from its disk. 'unknown': its node cannot be read now. */
export async function verifyRecord(store: PieceSource, place: ChunkPlace): Promise<'good' | 'bad' | 'unknown'> {
  const { segment, offset, recordBytes, chunk, plainBytes } = place;
  try {
    const bytes = await cold(store).read('segments', segmentFileName(segment), offset, recordBytes);
    if (bytes.length < recordBytes) return 'bad';
    const head = decodeHead(bytes, { segment, offset, chunk, plainBytes });
    const blocks = { firstBlock: 0, lastBlock: head.blocks.length - 1 };
    verifyBlocks(head, blocks, bytes.subarray(head.headBytes, head.recordBytes));
    return 'good';
  } catch (error) {
    return problemOf(error) === undefined ? 'unknown' : 'bad';
  }
}

/** A copy that rotted on its disk reads well as long as the system remembers it. */
const cold = (store: PieceSource): PieceSource => ({
  id: store.id,
  read: (folder, name, position, lengthBytes) => store.read(folder, name, position, lengthBytes, { cold: true }),
});

/**
 * The same pieces, each read and verified while the one before is still being used; `pace` may hold up the reading, so
 * that a rest is a rest.
 */
async function* oneAhead(
  pieces: AsyncGenerator<Buffer, void>,
  pace: SegmentToCheck['pace'],
): AsyncGenerator<Buffer, void> {
  const ahead = (bytes: number) => {
    const next = pace && bytes > 0 ? pace(bytes).then(() => pieces.next()) : pieces.next();
    // Thrown when its turn comes.
    next.catch(() => undefined);
    return next;
  };
  let next = ahead(0);
  try {
    for (let piece = await next; !piece.done; piece = await next) {
      next = ahead(piece.value.length);
      yield piece.value;
    }
  } finally {
    await next.catch(() => undefined);
  }
}

/** Hashing more at once would keep clients waiting. */
const hashBytes = 256 * 1024;

/** The same pieces; after the last one throws CORRUPT when all together are not what the seal says. */
async function* checked(
  pieces: AsyncIterable<Buffer>,
  { segment, hash }: Pick<SegmentToCheck, 'segment' | 'hash'>,
): AsyncGenerator<Buffer, void> {
  const sum: Hash | undefined = hash === null ? undefined : createHash('sha256');
  for await (const piece of pieces) {
    for (let at = 0; sum && at < piece.length; at += hashBytes) {
      if (at > 0) await new Promise<void>((resolve) => setImmediate(resolve));
      sum.update(piece.subarray(at, at + hashBytes));
    }
    yield piece;
  }
  if (sum && sum.digest('hex') !== hash) {
    throw new DriveError('CORRUPT', { message: 'the segment does not match its seal', details: { segment } });
  }
}
