import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/core/errors.js';
import { blockBytes, chunkId } from '../../src/segment/chunk-id.js';
import {
  decodeHead,
  encodeRecord,
  headBytes,
  payloadRange,
  recordBytes,
  recordHeaderBytes,
  verifyBlocks,
} from '../../src/segment/record.js';

const segment = '00112233445566aa-0000002a';
const isCorrupt = (error: unknown) => hasCode(error, 'CORRUPT');

function record(plain: Buffer, offset = 64) {
  const { head, payload } = encodeRecord({ segment, offset, chunk: chunkId(plain), plain });
  return { bytes: Buffer.concat([head, payload]), head, payload };
}

function readAll(bytes: Buffer, expected: Parameters<typeof decodeHead>[1]): Buffer {
  const head = decodeHead(bytes, expected);
  const payload = bytes.subarray(head.headBytes, head.recordBytes);
  return verifyBlocks(head, payloadRange(head, 0, head.plainBytes), payload);
}

/** Bytes that cost little to make and differ from block to block. */
const plainBytes = fc
  .record({ length: fc.integer({ min: 1, max: 3 * blockBytes + 5 }), seed: fc.integer({ min: 1, max: 250 }) })
  .map(({ length, seed }) =>
    Buffer.from(Uint8Array.from({ length }, (_, index) => (index * seed + (index >> 8)) & 0xff)),
  );

test('a record gives back what went in', () => {
  fc.assert(
    fc.property(plainBytes, fc.integer({ min: 64, max: 2 ** 40 }), (plain, offset) => {
      const { bytes, head, payload } = record(plain, offset);
      assert.equal(payload, plain);
      assert.equal(head.length, headBytes(plain.length));
      assert.equal(bytes.length, recordBytes(plain.length));
      const decoded = decodeHead(bytes, { segment, offset, chunk: chunkId(plain), plainBytes: plain.length });
      assert.equal(decoded.recordBytes, bytes.length);
      assert.deepEqual(readAll(bytes, { segment, offset }), plain);
    }),
    { numRuns: 50 },
  );
});

test('any range is verified and read from its blocks alone', () => {
  fc.assert(
    fc.property(plainBytes, fc.nat(), fc.nat(), (plain, a, b) => {
      const start = a % plain.length;
      const end = start + 1 + (b % (plain.length - start));
      const { bytes } = record(plain, 64);
      const file = Buffer.concat([Buffer.alloc(64), bytes]);
      const head = decodeHead(bytes, { segment, offset: 64 });
      const range = payloadRange(head, start, end);
      assert.ok(range.end - range.start < end - start + 2 * blockBytes);
      const verified = verifyBlocks(head, range, file.subarray(range.start, range.end));
      const skip = start - range.firstBlock * blockBytes;
      assert.deepEqual(verified.subarray(skip, skip + end - start), plain.subarray(start, end));
    }),
    { numRuns: 50 },
  );
});

test('a single flipped bit anywhere in a record is detected', () => {
  const { bytes } = record(Buffer.from('twelve bytes'));
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => readAll(flipped, { segment, offset: 64 }), isCorrupt, `bit ${bit}`);
  }
});

test('a record cut at any byte is detected', () => {
  const { bytes } = record(Buffer.from('twelve bytes'));
  for (let length = 0; length < bytes.length; length += 1) {
    assert.throws(() => readAll(bytes.subarray(0, length), { segment, offset: 64 }), isCorrupt, `length ${length}`);
  }
});

test('a range cut at the end of a block is detected', () => {
  const { head, bytes } = record(Buffer.alloc(2 * blockBytes, 7));
  const decoded = decodeHead(head, { segment, offset: 64 });
  const oneBlock = bytes.subarray(head.length, head.length + blockBytes);
  const both = payloadRange(decoded, 0, 2 * blockBytes);
  assert.throws(() => verifyBlocks(decoded, both, oneBlock), isCorrupt);
  assert.throws(() => verifyBlocks(decoded, both, Buffer.alloc(0)), isCorrupt);
});

test('swapped blocks are detected', () => {
  const { head } = record(Buffer.concat([Buffer.alloc(blockBytes, 1), Buffer.alloc(blockBytes, 2)]));
  const decoded = decodeHead(head, { segment, offset: 64 });
  const swapped = Buffer.concat([Buffer.alloc(blockBytes, 2), Buffer.alloc(blockBytes, 1)]);
  assert.throws(() => verifyBlocks(decoded, payloadRange(decoded, 0, 2 * blockBytes), swapped), isCorrupt);
});

test('a record of another segment, offset, chunk or length is refused', () => {
  const { bytes } = record(Buffer.from('plain'));
  const wrong = [
    { segment: '00112233445566aa-0000002b', offset: 64 },
    { segment: '00112233445566ab-0000002a', offset: 64 },
    { segment, offset: 65 },
    { segment, offset: 64, chunk: chunkId(Buffer.from('other')) },
    { segment, offset: 64, plainBytes: 4 },
  ];
  for (const expected of wrong) assert.throws(() => decodeHead(bytes, expected), isCorrupt, JSON.stringify(expected));
  decodeHead(bytes, { segment, offset: 64 });
});

test('random bytes are never a record', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2 * recordHeaderBytes }), (bytes) => {
      assert.throws(() => decodeHead(Buffer.from(bytes), { segment, offset: 64 }), isCorrupt);
    }),
  );
});

test('lengths outside what a chunk may have are refused before anything is written', () => {
  assert.throws(() => record(Buffer.alloc(0)), RangeError);
  const head = decodeHead(record(Buffer.from('abc')).bytes, { segment, offset: 64 });
  for (const [start, end] of [
    [0, 0],
    [2, 1],
    [0, 4],
    [-1, 2],
  ] as const) {
    assert.throws(() => payloadRange(head, start, end), RangeError);
  }
});
