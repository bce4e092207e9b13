/**
 * A whole segment as a stream of verified pieces, each some whole records, for sealing, healing and scrubbing. When a
 * piece does not verify on one node it is read from the next one: replicas are byte for byte the same.
 */
import { asDriveError, DriveError } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { NodeStore } from '../../node/node-store.js';
import { announcedHeadBytes, decodeHead, recordHeaderBytes, verifyBlocks } from '../../segment/record.js';
import { decodeSegmentHeader, segmentHeaderBytes } from '../../segment/segment-header.js';
import { segmentFileName } from '../../segment/segment-id.js';
import type { BadCopy } from '../store-types.js';
import { type FailedCopy, noGoodCopy, problemOf, shortCopy } from './bad-copy.js';

/** A copy of a segment, read as the file in `segments` would be. */
export type PieceSource = Pick<NodeStore, 'id' | 'read'>;

export interface VerifiedPiecesOptions {
  readonly segment: SegmentId;
  /** Length of the segment: the end of a record. What lies behind it in the file does not count. */
  readonly lengthBytes: number;
  /** In the order in which they are asked. */
  readonly sources: readonly PieceSource[];
  /** A source that failed to give a verified piece, once for each. */
  readonly onBadCopy?: ((copy: BadCopy) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const pieceBytes = 1024 * 1024;
/** The file header and the head of one record: from there on as much as that record needs. */
const leastBytes = segmentHeaderBytes + recordHeaderBytes;

/** Buffers of some MiB at most, that the consumer may keep. DAMAGED, UNAVAILABLE (details.copies), ABORTED. */
export async function* verifiedPieces(options: VerifiedPiecesOptions): AsyncGenerator<Buffer, void> {
  const { segment, lengthBytes, sources, onBadCopy, signal } = options;
  const reported = new Set<NodeId>();
  let source = 0;
  let position = 0;
  let ahead = pieceBytes;
  while (position < lengthBytes) {
    const failed: FailedCopy[] = [];
    let piece: Buffer | undefined;
    while (!piece) {
      if (signal?.aborted) throw new DriveError('ABORTED');
      const store = sources[source];
      if (failed.length === sources.length && ahead > leastBytes && areDamaged(failed)) {
        // Damaged in different places: record by record each may give what the others lack.
        ahead = leastBytes;
        failed.length = 0;
      }
      if (!store || failed.length === sources.length) throw noGoodCopy(segment, failed);
      try {
        piece = await readPiece(store, { segment, position, lengthBytes, ahead });
      } catch (error) {
        const problem = problemOf(error);
        failed.push({ node: store.id, problem: problem ?? 'unreachable', message: asDriveError(error).message });
        if (problem && !reported.has(store.id)) onBadCopy?.({ segment, node: store.id, problem });
        if (problem) reported.add(store.id);
        source = (source + 1) % sources.length;
      }
    }
    position += piece.length;
    // Records of a segment tend to be equally long: the next read brings one whole record or many, not one and a bit.
    ahead = Math.max(pieceBytes, piece.length);
    yield piece;
  }
}

/** More than one: only then can one have what another lacks. */
function areDamaged(copies: readonly FailedCopy[]): boolean {
  return copies.filter(({ problem }) => problem === 'damaged').length > 1;
}

interface Piece {
  readonly segment: SegmentId;
  readonly position: number;
  readonly lengthBytes: number;
  readonly ahead: number;
}

/** The records from `position` on that lie wholly in a read of `ahead` bytes, at least one. CORRUPT and the node's errors. */
async function readPiece(store: PieceSource, { segment, position, lengthBytes, ahead }: Piece): Promise<Buffer> {
  const bytes = await readExactly(store, segment, position, Math.min(ahead, lengthBytes - position));
  let end = 0;
  if (position === 0) {
    decodeSegmentHeader(bytes, { segment });
    end = segmentHeaderBytes;
  }
  while (end < bytes.length) {
    const wanted = recordEnd(bytes, end, { segment, position, lengthBytes });
    if (wanted > bytes.length) {
      if (end > 0) break;
      return readPiece(store, { segment, position, lengthBytes, ahead: wanted });
    }
    end = wanted;
  }
  return bytes.subarray(0, end);
}

/** Verifies the record at `start` of `bytes` and returns its end there; beyond `bytes` when more must be read first. */
function recordEnd(bytes: Buffer, start: number, { segment, position, lengthBytes }: Omit<Piece, 'ahead'>): number {
  const rest = bytes.subarray(start);
  const offset = position + start;
  if (rest.length < recordHeaderBytes) return requireInside(start + recordHeaderBytes);
  const headEnd = start + announcedHeadBytes(rest);
  if (headEnd > bytes.length) return requireInside(headEnd);
  const head = decodeHead(rest, { segment, offset });
  const end = requireInside(start + head.recordBytes);
  if (end <= bytes.length) {
    const lastBlock = head.blocks.length - 1;
    verifyBlocks(head, { firstBlock: 0, lastBlock }, rest.subarray(head.headBytes, head.recordBytes));
  }
  return end;

  function requireInside(recordEnds: number): number {
    if (position + recordEnds <= lengthBytes) return recordEnds;
    throw new DriveError('CORRUPT', {
      message: 'a record crosses the end of the segment',
      details: { segment, offset },
    });
  }
}

async function readExactly(store: PieceSource, segment: SegmentId, position: number, lengthBytes: number) {
  const bytes = await store.read('segments', segmentFileName(segment), position, lengthBytes);
  if (bytes.length < lengthBytes) throw shortCopy({ segment, node: store.id, position });
  return bytes;
}
