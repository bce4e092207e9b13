/**
 * A batch of the journal: 112-byte header and operations (format.md, "Journal files and batches"). The hash covers both
 * and the hash of the batch before, so batches form a chain. The header has a checksum of its own, so that an announced
 * length can be trusted: a batch cut by a crash and a damaged one are told apart.
 */
import { createHash, hash as hashOf } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { DriveError } from '../core/errors.js';
import type { EpochId } from '../core/ids.js';

export const batchHeaderBytes = 112;
export const batchMagic = 'HFBT';
/** Bounds what a reader allocates for one batch. */
export const longestOperationsBytes = 64 * 1024 * 1024;
/** Hash before the first batch of a volume. */
export const genesisHash = '0'.repeat(64);

const batchFormat = 1;
const epochFlag = 1;
const crcOffset = 76;
const hashOffset = 80;

export interface BatchHeader {
  readonly sequence: number;
  /** 0 for the first batch of a volume. */
  readonly previousSequence: number;
  /** 64 hex digits; `genesisHash` for the first batch of a volume. */
  readonly previousHash: string;
  readonly epoch: EpochId;
  /** 16 hex digits. */
  readonly writer: string;
  /** Whether it holds an epoch operation. */
  readonly isEpoch: boolean;
}

export interface BatchContent extends BatchHeader {
  readonly operations: Buffer;
}

export interface DecodedBatch extends BatchContent {
  /** 64 hex digits. */
  readonly hash: string;
  /** The whole batch as stored. */
  readonly bytes: Buffer;
}

export function encodeBatch(batch: BatchContent): { readonly bytes: Buffer; readonly hash: string } {
  const { operations } = batch;
  if (operations.length > longestOperationsBytes) throw new RangeError(`batch of ${operations.length} bytes`);
  const bytes = Buffer.alloc(batchHeaderBytes + operations.length);
  bytes.write(batchMagic, 0, 'latin1');
  bytes.writeUInt16LE(batchFormat, 4);
  bytes.writeUInt16LE(batch.isEpoch ? epochFlag : 0, 6);
  bytes.writeBigUInt64LE(BigInt(batch.sequence), 8);
  bytes.writeBigUInt64LE(BigInt(batch.previousSequence), 16);
  bytes.write(batch.epoch, 24, 8, 'hex');
  bytes.write(batch.writer, 32, 8, 'hex');
  bytes.write(batch.previousHash, 40, 32, 'hex');
  bytes.writeUInt32LE(operations.length, 72);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, crcOffset)), crcOffset);
  operations.copy(bytes, batchHeaderBytes);
  const hash = batchHash(bytes);
  hash.copy(bytes, hashOffset);
  return { bytes, hash: hash.toString('hex') };
}

/** Length of the whole batch whose header begins at `at`; undefined when no valid header is there. NEWER_FORMAT. */
export function announcedBatchBytes(buffer: Buffer, at: number): number | undefined {
  if (buffer.length - at < batchHeaderBytes || buffer.toString('latin1', at, at + 4) !== batchMagic) return undefined;
  if (crc32(buffer.subarray(at, at + crcOffset)) !== buffer.readUInt32LE(at + crcOffset)) return undefined;
  const format = buffer.readUInt16LE(at + 4);
  if (format > batchFormat) throw new DriveError('NEWER_FORMAT', { details: { format } });
  const operationsBytes = buffer.readUInt32LE(at + 72);
  return operationsBytes > longestOperationsBytes ? undefined : batchHeaderBytes + operationsBytes;
}

/** `bytes`: exactly one batch with a valid header. undefined when its hash does not match. */
export function decodeBatch(bytes: Buffer): DecodedBatch | undefined {
  const hash = batchHash(bytes);
  if (!hash.equals(bytes.subarray(hashOffset, batchHeaderBytes))) return undefined;
  return {
    sequence: Number(bytes.readBigUInt64LE(8)),
    previousSequence: Number(bytes.readBigUInt64LE(16)),
    previousHash: bytes.toString('hex', 40, 72),
    epoch: bytes.toString('hex', 24, 32),
    writer: bytes.toString('hex', 32, 40),
    isEpoch: (bytes.readUInt16LE(6) & epochFlag) !== 0,
    operations: bytes.subarray(batchHeaderBytes),
    hash: hash.toString('hex'),
    bytes,
  };
}

/** Most batches are short, and hashed in one call when their parts lie together. */
const joined = Buffer.allocUnsafeSlow(8 * 1024);

function batchHash(bytes: Buffer): Buffer {
  const length = hashOffset + bytes.length - batchHeaderBytes;
  if (length >= hashOffset && length <= joined.length) {
    bytes.copy(joined, 0, 0, hashOffset);
    bytes.copy(joined, hashOffset, batchHeaderBytes);
    return hashOf('sha256', joined.subarray(0, length), 'buffer');
  }
  return createHash('sha256').update(bytes.subarray(0, hashOffset)).update(bytes.subarray(batchHeaderBytes)).digest();
}
