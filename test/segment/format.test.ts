/** The bytes of docs/format.md, put together by hand: what was written once stays readable. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { hasCode } from '../../src/core/errors.js';
import { decodeBatches } from '../../src/segment/batch-reader.js';
import { chunkId } from '../../src/segment/chunk-id.js';
import { encodeBatch } from '../../src/segment/journal-batch.js';
import { decodeHead, encodeRecord } from '../../src/segment/record.js';
import { encodeFooter } from '../../src/segment/segment-footer.js';
import { decodeSegmentHeader, encodeSegmentHeader } from '../../src/segment/segment-header.js';

const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const bytes = (hex: string) => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
const u32 = (value: number) => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
};

const segment = '0102030405060708-0000002a';

test('the header of a segment file', () => {
  const start = bytes('48465347 0100 01 00 aabbccddeeff0011 0102030405060708 2a000000 00000000');
  const expected = Buffer.concat([start, sha256(start)]);
  assert.deepEqual(encodeSegmentHeader({ volume: 'aabbccddeeff0011', segment }), expected);
});

test('a record', () => {
  const plain = Buffer.from('abc');
  const start = Buffer.concat([
    bytes('48465243 01 01 00 00 0102030405060708 2a000000 01000000 4000000000000000'),
    sha256(plain),
    bytes('03000000 03000000'),
  ]);
  const table = Buffer.concat([bytes('03000000'), u32(crc32(plain))]);
  const expected = Buffer.concat([start, sha256(start, table).subarray(0, 8), table]);
  const { head } = encodeRecord({ segment, offset: 64, chunk: chunkId(plain), plain });
  assert.deepEqual(head, expected);
});

test('a footer', () => {
  const chunk = chunkId(Buffer.from('abc'));
  const places = [{ chunk, segment, offset: 64, recordBytes: 91, plainBytes: 3 }];
  const { head, payload } = encodeFooter(segment, 155, places)!;
  const entry = Buffer.concat([Buffer.from(chunk, 'hex'), bytes('4000000000000000 5b000000 03000000')]);
  assert.deepEqual(payload, Buffer.concat([entry, bytes('48464654 01000000 9b00000000000000')]));
  const decoded = decodeHead(head, { segment, offset: 155 });
  assert.deepEqual([decoded.type, decoded.chunk], ['footer', sha256(payload).toString('hex')]);
});

test('a batch', () => {
  const operations = Buffer.from('{"o":"x"}\n');
  const start = bytes(`48464254 0100 0100 0300000000000000 0100000000000000 0102030405060708 a1a2a3a4a5a6a7a8
    ${'11'.repeat(32)} 0a000000`);
  const header = Buffer.concat([start, u32(crc32(start))]);
  const expected = Buffer.concat([header, sha256(header, operations), operations]);
  const encoded = encodeBatch({
    sequence: 3,
    previousSequence: 1,
    previousHash: '11'.repeat(32),
    epoch: '0102030405060708',
    writer: 'a1a2a3a4a5a6a7a8',
    isEpoch: true,
    operations,
  });
  assert.deepEqual(encoded, { bytes: expected, hash: sha256(header, operations).toString('hex') });
});

test('newer formats are told from damage', () => {
  const isNewer = (error: unknown) => hasCode(error, 'NEWER_FORMAT');

  const segmentHeader = encodeSegmentHeader({ volume: 'aabbccddeeff0011', segment });
  segmentHeader.writeUInt16LE(2, 4);
  sha256(segmentHeader.subarray(0, 32)).copy(segmentHeader, 32);
  assert.throws(() => decodeSegmentHeader(segmentHeader), isNewer);

  const plain = Buffer.from('abc');
  for (const at of [4, 6, 7]) {
    const { head } = encodeRecord({ segment, offset: 64, chunk: chunkId(plain), plain });
    head[at]! += 1;
    sha256(head.subarray(0, 72), head.subarray(80)).copy(head, 72, 0, 8);
    assert.throws(() => decodeHead(head, { segment, offset: 64 }), isNewer, `byte ${at}`);
  }

  const ids = { epoch: '0102030405060708', writer: 'a1a2a3a4a5a6a7a8', previousHash: '00'.repeat(32) };
  const batch = encodeBatch({ ...ids, sequence: 1, previousSequence: 0, isEpoch: false, operations: plain }).bytes;
  batch.writeUInt16LE(2, 4);
  batch.writeUInt32LE(crc32(batch.subarray(0, 76)), 76);
  assert.throws(() => decodeBatches(batch), isNewer);
});
