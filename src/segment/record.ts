/**
 * A record: header (80 bytes), block table (8 bytes a block), payload. The header names the chunk, the segment and the
 * record's own offset, and is bound together with the table by a checksum, so that a misdirected, stale or foreign
 * record shows; the table makes a small range of a chunk readable and verifiable by itself.
 * Codec and cipher are 0 (stored as it is); the table keeps stored lengths, so both can come without a new layout.
 */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { DriveError } from '../core/errors.js';
import type { ChunkId, SegmentId } from '../core/ids.js';
import { blockBytes, longestChunkBytes } from './chunk-id.js';
import { formatSegmentId, parseSegmentId } from './segment-id.js';

export const recordHeaderBytes = 80;
const tableEntryBytes = 8;
const magic = 'HFRC';
const recordFormat = 1;
const checkedHeaderBytes = 72;
const mostBlocks = longestChunkBytes / blockBytes;

const recordTypes = { 1: 'chunk', 2: 'footer' } as const;
export type RecordType = 'chunk' | 'footer';

export interface RecordHead {
  readonly type: RecordType;
  readonly segment: SegmentId;
  /** Of the record in the segment file. */
  readonly offset: number;
  readonly chunk: ChunkId;
  readonly plainBytes: number;
  readonly payloadBytes: number;
  /** Header and block table. */
  readonly headBytes: number;
  /** Header, block table, payload. */
  readonly recordBytes: number;
  /** One for each `blockBytes` of plain bytes; the checksum is of the stored bytes. */
  readonly blocks: readonly { readonly storedBytes: number; readonly crc32: number }[];
}

/** Blocks by index, both ends included. */
export interface BlockRange {
  readonly firstBlock: number;
  readonly lastBlock: number;
}

/** Where blocks lie: positions in the segment file, `end` exclusive. */
export interface PayloadRange extends BlockRange {
  readonly start: number;
  readonly end: number;
}

export interface RecordInput {
  readonly segment: SegmentId;
  readonly offset: number;
  readonly chunk: ChunkId;
  readonly plain: Buffer;
  /** Default 'chunk'. */
  readonly type?: RecordType;
}

export interface ExpectedRecord {
  readonly segment: SegmentId;
  readonly offset: number;
  readonly chunk?: ChunkId | undefined;
  readonly plainBytes?: number | undefined;
}

/** Length of header and block table for a chunk of `plainBytes`. */
export function headBytes(plainBytes: number): number {
  return recordHeaderBytes + tableEntryBytes * Math.ceil(plainBytes / blockBytes);
}

/** Length of the whole record of a chunk that is stored as it is. */
export function recordBytes(plainBytes: number): number {
  return headBytes(plainBytes) + plainBytes;
}

/** `payload` is `plain` itself, not a copy: it may not change until it is written. */
export function encodeRecord({ segment, offset, chunk, plain, type = 'chunk' }: RecordInput): {
  readonly head: Buffer;
  readonly payload: Buffer;
} {
  if (plain.length === 0 || plain.length > longestChunkBytes) throw new RangeError(`chunk of ${plain.length} bytes`);
  const { epoch, counter } = parseSegmentId(segment);
  const head = Buffer.alloc(headBytes(plain.length));
  const blockCount = Math.ceil(plain.length / blockBytes);
  head.write(magic, 0, 'latin1');
  head.writeUInt8(recordFormat, 4);
  head.writeUInt8(type === 'chunk' ? 1 : 2, 5);
  // Bytes 6 and 7 are codec and cipher: 0, stored as it is.
  head.write(epoch, 8, 8, 'hex');
  head.writeUInt32LE(counter, 16);
  head.writeUInt32LE(blockCount, 20);
  head.writeBigUInt64LE(BigInt(offset), 24);
  head.write(chunk, 32, 32, 'hex');
  head.writeUInt32LE(plain.length, 64);
  head.writeUInt32LE(plain.length, 68);
  for (let block = 0; block < blockCount; block += 1) {
    const stored = plain.subarray(block * blockBytes, (block + 1) * blockBytes);
    const at = recordHeaderBytes + block * tableEntryBytes;
    head.writeUInt32LE(stored.length, at);
    head.writeUInt32LE(crc32(stored), at + 4);
  }
  headChecksum(head).copy(head, checkedHeaderBytes);
  return { head, payload: plain };
}

/**
 * Length of header and block table, from the first `recordHeaderBytes` bytes alone, before anything is verified: what
 * to read for `decodeHead`. CORRUPT when they cannot be a record's.
 */
export function announcedHeadBytes(header: Buffer): number {
  if (header.length < recordHeaderBytes) throw corruptRecord('header is cut');
  if (header.toString('latin1', 0, 4) !== magic) throw corruptRecord('wrong magic');
  const blockCount = header.readUInt32LE(20);
  const fits = blockCount === Math.ceil(header.readUInt32LE(64) / blockBytes);
  if (blockCount < 1 || blockCount > mostBlocks || !fits) throw corruptRecord('impossible block count');
  return recordHeaderBytes + blockCount * tableEntryBytes;
}

/**
 * Verifies header and table at the start of `buffer` (which may be longer) against the place they were read from.
 * CORRUPT when they do not verify, are cut, or are of another place; NEWER_FORMAT.
 */
export function decodeHead(buffer: Buffer, expected: ExpectedRecord): RecordHead {
  const length = announcedHeadBytes(buffer);
  if (buffer.length < length) throw corruptRecord('block table is cut', expected);
  const head = buffer.subarray(0, length);
  if (!headChecksum(head).equals(head.subarray(checkedHeaderBytes, recordHeaderBytes))) {
    throw corruptRecord('header checksum does not match', expected);
  }
  if (head[4]! > recordFormat || head[6] !== 0 || head[7] !== 0) {
    throw new DriveError('NEWER_FORMAT', {
      details: { ...expected, format: head[4], codec: head[6], cipher: head[7] },
    });
  }
  const type = recordTypes[head[5] as 1 | 2];
  if (!type) throw corruptRecord('unknown record type', expected);
  const decoded: RecordHead = {
    type,
    segment: formatSegmentId({ epoch: head.toString('hex', 8, 16), counter: head.readUInt32LE(16) }),
    offset: Number(head.readBigUInt64LE(24)),
    chunk: head.toString('hex', 32, 64),
    plainBytes: head.readUInt32LE(64),
    payloadBytes: head.readUInt32LE(68),
    headBytes: length,
    recordBytes: length + head.readUInt32LE(68),
    blocks: decodeTable(head),
  };
  requireConsistent(decoded, expected);
  return decoded;
}

/**
 * Which stored bytes cover the plain bytes from `plainStart` to `plainEnd` (exclusive, more than `plainStart`, inside
 * the chunk). What `verifyBlocks` returns for them begins with the plain byte `firstBlock * blockBytes`.
 */
export function payloadRange(head: RecordHead, plainStart: number, plainEnd: number): PayloadRange {
  if (plainStart < 0 || plainEnd <= plainStart || plainEnd > head.plainBytes) {
    throw new RangeError(`bytes ${plainStart} to ${plainEnd} of a chunk of ${head.plainBytes}`);
  }
  const firstBlock = Math.floor(plainStart / blockBytes);
  const lastBlock = Math.floor((plainEnd - 1) / blockBytes);
  let start = head.offset + head.headBytes;
  for (let block = 0; block < firstBlock; block += 1) start += head.blocks[block]!.storedBytes;
  let end = start;
  for (let block = firstBlock; block <= lastBlock; block += 1) end += head.blocks[block]!.storedBytes;
  return { firstBlock, lastBlock, start, end };
}

/**
 * Verifies the stored blocks of `range`, which `payloadPart` must hold from its start, and returns their plain bytes
 * (no copy). CORRUPT when a block is cut or does not match; `details.block` names it.
 */
export function verifyBlocks(head: RecordHead, range: BlockRange, payloadPart: Buffer): Buffer {
  let at = 0;
  for (let block = range.firstBlock; block <= range.lastBlock; block += 1) {
    const entry = head.blocks[block]!;
    const stored = payloadPart.subarray(at, at + entry.storedBytes);
    if (stored.length < entry.storedBytes) throw corruptRecord('payload is cut', head, block);
    if (crc32(stored) !== entry.crc32) throw corruptRecord('block checksum does not match', head, block);
    at += entry.storedBytes;
  }
  return payloadPart.subarray(0, at);
}

function decodeTable(head: Buffer): RecordHead['blocks'] {
  const blocks = [];
  for (let at = recordHeaderBytes; at < head.length; at += tableEntryBytes) {
    blocks.push({ storedBytes: head.readUInt32LE(at), crc32: head.readUInt32LE(at + 4) });
  }
  return blocks;
}

/** What the checksum vouches for may still be of another place, or made by a faulty writer. */
function requireConsistent(head: RecordHead, expected: ExpectedRecord): void {
  const mismatch =
    head.segment !== expected.segment ||
    head.offset !== expected.offset ||
    (expected.chunk !== undefined && head.chunk !== expected.chunk) ||
    (expected.plainBytes !== undefined && head.plainBytes !== expected.plainBytes);
  if (mismatch) throw corruptRecord(`holds chunk ${head.chunk} of ${head.segment} at ${head.offset}`, expected);
  const storedBytes = head.blocks.reduce((sum, block) => sum + block.storedBytes, 0);
  if (storedBytes !== head.payloadBytes || head.payloadBytes !== head.plainBytes) {
    throw corruptRecord('lengths contradict each other', expected);
  }
}

function headChecksum(head: Buffer): Buffer {
  // The checksum's own eight bytes are left out.
  const covered = Buffer.concat([head.subarray(0, checkedHeaderBytes), head.subarray(recordHeaderBytes)]);
  return hash('sha256', covered, 'buffer').subarray(0, recordHeaderBytes - checkedHeaderBytes);
}

function corruptRecord(problem: string, place: Partial<ExpectedRecord> = {}, block?: number): DriveError {
  const { segment, offset, chunk } = place;
  return new DriveError('CORRUPT', {
    message: `record: ${problem}`,
    details: { segment, offset, chunk, block, problem },
  });
}
