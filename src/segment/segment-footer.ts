/**
 * The footer: the last record of a segment that was sealed in order. Its plain bytes are a table of all records before
 * it, then a trailer at the very end of the file that says where the footer begins, so that a rebuild learns a
 * segment's chunks from one read. It is never needed: the records say the same.
 */
import { DriveError } from '../core/errors.js';
import type { SegmentId } from '../core/ids.js';
import { chunkId, longestChunkBytes } from './chunk-id.js';
import type { ChunkPlace } from './chunk-place.js';
import { decodeHead, encodeRecord, payloadRange, recordBytes, verifyBlocks } from './record.js';
import { segmentHeaderBytes } from './segment-header.js';

const entryBytes = 48;
export const footerTrailerBytes = 16;
const trailerMagic = 'HFFT';
const mostEntries = Math.floor((longestChunkBytes - footerTrailerBytes) / entryBytes);

export function footerBytes(recordCount: number): number {
  return recordBytes(recordCount * entryBytes + footerTrailerBytes);
}

/**
 * The footer of a segment whose records are `records`, in the order and without gaps from the file header on; it is
 * to be written at `offset`, right behind the last. undefined when there are too many records for one.
 */
export function encodeFooter(
  segment: SegmentId,
  offset: number,
  records: readonly ChunkPlace[],
): { readonly head: Buffer; readonly payload: Buffer } | undefined {
  if (records.length > mostEntries) return undefined;
  const plain = Buffer.alloc(records.length * entryBytes + footerTrailerBytes);
  records.forEach((record, index) => {
    const at = index * entryBytes;
    plain.write(record.chunk, at, 32, 'hex');
    plain.writeBigUInt64LE(BigInt(record.offset), at + 32);
    plain.writeUInt32LE(record.recordBytes, at + 40);
    plain.writeUInt32LE(record.plainBytes, at + 44);
  });
  const trailer = plain.subarray(plain.length - footerTrailerBytes);
  trailer.write(trailerMagic, 0, 'latin1');
  trailer.writeUInt32LE(records.length, 4);
  trailer.writeBigUInt64LE(BigInt(offset), 8);
  return encodeRecord({ segment, offset, chunk: chunkId(plain), plain, type: 'footer' });
}

/** Where the footer would begin, read from the last `footerTrailerBytes` of a file; undefined when there is none. */
export function footerOffset(trailer: Buffer, fileBytes: number): number | undefined {
  if (trailer.length !== footerTrailerBytes || trailer.toString('latin1', 0, 4) !== trailerMagic) return undefined;
  const recordCount = trailer.readUInt32LE(4);
  const offset = Number(trailer.readBigUInt64LE(8));
  if (recordCount > mostEntries || offset + footerBytes(recordCount) !== fileBytes) return undefined;
  return offset;
}

/** The table of a footer record (`bytes` from its header to the end of the file). CORRUPT when anything is wrong. */
export function decodeFooter(segment: SegmentId, offset: number, bytes: Buffer): ChunkPlace[] {
  const head = decodeHead(bytes, { segment, offset });
  const plain = verifyBlocks(head, payloadRange(head, 0, head.plainBytes), bytes.subarray(head.headBytes));
  if (head.type !== 'footer' || chunkId(plain) !== head.chunk) {
    throw new DriveError('CORRUPT', { message: 'footer: does not verify', details: { segment, offset } });
  }
  const records: ChunkPlace[] = [];
  let next = segmentHeaderBytes;
  for (let at = 0; at + footerTrailerBytes < plain.length; at += entryBytes) {
    const record: ChunkPlace = {
      chunk: plain.toString('hex', at, at + 32),
      segment,
      offset: Number(plain.readBigUInt64LE(at + 32)),
      recordBytes: plain.readUInt32LE(at + 40),
      plainBytes: plain.readUInt32LE(at + 44),
    };
    if (record.offset !== next)
      throw new DriveError('CORRUPT', { message: 'footer: gap', details: { segment, offset } });
    next += record.recordBytes;
    records.push(record);
  }
  if (next !== offset) throw new DriveError('CORRUPT', { message: 'footer: gap', details: { segment, offset } });
  return records;
}
