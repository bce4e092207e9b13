/**
 * The first 64 bytes of a segment file: whose it is and which segment. Records name their segment themselves, so a
 * damaged file header costs no data; it shows a foreign file early and carries the format version.
 */
import { hash } from 'node:crypto';
import { DriveError } from '../core/errors.js';
import type { SegmentId } from '../core/ids.js';
import { formatSegmentId, parseSegmentId } from './segment-id.js';

export const segmentHeaderBytes = 64;
export const segmentFormat = 1;

const magic = 'HFSG';
const checkedBytes = 32;
/** Function that names chunks: 1 = SHA-256 of the plain bytes. */
const chunkIdFunction = 1;

export interface SegmentHeader {
  /** 16 hex digits. */
  readonly volume: string;
  readonly segment: SegmentId;
}

export function encodeSegmentHeader({ volume, segment }: SegmentHeader): Buffer {
  const { epoch, counter } = parseSegmentId(segment);
  const bytes = Buffer.alloc(segmentHeaderBytes);
  bytes.write(magic, 0, 'latin1');
  bytes.writeUInt16LE(segmentFormat, 4);
  bytes.writeUInt8(chunkIdFunction, 6);
  bytes.write(volume, 8, 8, 'hex');
  bytes.write(epoch, 16, 8, 'hex');
  bytes.writeUInt32LE(counter, 24);
  hash('sha256', bytes.subarray(0, checkedBytes), 'buffer').copy(bytes, checkedBytes);
  return bytes;
}

/** CORRUPT when it is short, its checksum does not match, or it is not what was expected; NEWER_FORMAT. */
export function decodeSegmentHeader(bytes: Buffer, expected: Partial<SegmentHeader> = {}): SegmentHeader {
  const corrupt = (problem: string) =>
    new DriveError('CORRUPT', { message: `segment header: ${problem}`, details: { ...expected, problem } });
  if (bytes.length < segmentHeaderBytes) throw corrupt('too short');
  if (bytes.toString('latin1', 0, 4) !== magic) throw corrupt('wrong magic');
  const checksum = hash('sha256', bytes.subarray(0, checkedBytes), 'buffer');
  if (!checksum.equals(bytes.subarray(checkedBytes, segmentHeaderBytes))) throw corrupt('checksum does not match');
  const format = bytes.readUInt16LE(4);
  if (format > segmentFormat || bytes[6]! > chunkIdFunction)
    throw new DriveError('NEWER_FORMAT', { details: { format } });
  const volume = bytes.toString('hex', 8, 16);
  const segment = formatSegmentId({ epoch: bytes.toString('hex', 16, 24), counter: bytes.readUInt32LE(24) });
  if (expected.volume !== undefined && volume !== expected.volume) throw corrupt(`belongs to volume ${volume}`);
  if (expected.segment !== undefined && segment !== expected.segment) throw corrupt(`is of segment ${segment}`);
  return { volume, segment };
}
