import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chunkId } from '../../src/segment/chunk-id.js';
import type { ChunkPlace } from '../../src/segment/chunk-place.js';
import { encodeRecord, headBytes, recordBytes } from '../../src/segment/record.js';
import { encodeFooter } from '../../src/segment/segment-footer.js';
import { encodeSegmentHeader, segmentHeaderBytes } from '../../src/segment/segment-header.js';
import { scanSegment } from '../../src/segment/segment-scan.js';

const segment = '00112233445566aa-0000002a';
const page = 4096;

/** Bytes without a zero among them, so that a page of zeros can only come from the test. */
function chunkOf(length: number, seed = 1): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => ((index * 7 + seed) % 255) + 1));
}

function build(lengths: readonly number[], { footer = true } = {}) {
  const parts = [encodeSegmentHeader({ volume: 'aabbccddeeff0011', segment })];
  const places: ChunkPlace[] = [];
  let offset = segmentHeaderBytes;
  lengths.forEach((length, index) => {
    const plain = chunkOf(length, index + 1);
    const chunk = chunkId(plain);
    const { head, payload } = encodeRecord({ segment, offset, chunk, plain });
    parts.push(head, payload);
    places.push({ chunk, segment, offset, recordBytes: recordBytes(length), plainBytes: length });
    offset += recordBytes(length);
  });
  if (footer) {
    const { head, payload } = encodeFooter(segment, offset, places)!;
    parts.push(head, payload);
  }
  return { file: Buffer.concat(parts), places, recordsEnd: offset };
}

async function scan(file: Buffer, options: { from?: number; verifyPayload?: boolean; id?: string } = {}) {
  const reads: number[] = [];
  const places: ChunkPlace[] = [];
  const conditions: string[] = [];
  const items = scanSegment({
    segment: options.id ?? segment,
    sizeBytes: file.length,
    from: options.from,
    verifyPayload: options.verifyPayload ?? false,
    read: async (position, length) => {
      reads.push(length);
      return file.subarray(position, position + length);
    },
  });
  for await (const item of items) {
    if (item.kind === 'end') return { places, conditions, reads, end: item };
    places.push(item.place);
    conditions.push(item.condition);
  }
  throw new Error('the scan did not report its end');
}

const recordLengths = fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 12 });

test('a scan finds all records, with and without footer, with and without payloads', async () => {
  await fc.assert(
    fc.asyncProperty(recordLengths, fc.boolean(), fc.boolean(), async (lengths, footer, verifyPayload) => {
      const { file, places } = build(lengths, { footer });
      const found = await scan(file, { verifyPayload });
      assert.deepEqual(found.places, places);
      assert.ok(found.conditions.every((condition) => condition === 'whole'));
      assert.deepEqual(found.end, { kind: 'end', offset: file.length, rest: 'clean' });
    }),
    { numRuns: 30 },
  );
});

test('a footer saves all reads but one', async () => {
  const { file } = build(Array.from({ length: 50 }, () => 100_000));
  assert.equal((await scan(file)).reads.length, 1);
  assert.ok((await scan(file, { verifyPayload: true })).reads.length >= 50);
});

test('hopping reads heads, not payloads, and a payload scan reads each byte about once', async () => {
  const lengths = Array.from({ length: 20 }, () => 1024 * 1024);
  const { file } = build(lengths, { footer: false });
  const hopped = (await scan(file)).reads.reduce((sum, length) => sum + length, 0);
  assert.ok(hopped < file.length / 10);
  const verified = (await scan(file, { verifyPayload: true })).reads.reduce((sum, length) => sum + length, 0);
  assert.ok(verified < file.length * 1.2);
});

test('a damaged footer costs nothing but the hopping', async () => {
  const { file, places, recordsEnd } = build([10, 20_000, 30]);
  for (const at of [recordsEnd, recordsEnd + 90, file.length - 1, file.length - 12]) {
    const bad = Buffer.from(file);
    bad[at]! ^= 0x10;
    assert.deepEqual((await scan(bad)).places, places);
  }
});

test('a scan can begin at any record', async () => {
  const { file, places } = build([10, 20_000, 30]);
  assert.deepEqual((await scan(file, { from: places[1]!.offset })).places, places.slice(1));
});

test('a file cut at any byte gives the records before and says that it is cut', async () => {
  const { file, places } = build([9, 40, 3], { footer: false });
  for (let length = segmentHeaderBytes; length < file.length; length += 1) {
    for (const verifyPayload of [false, true]) {
      const found = await scan(file.subarray(0, length), { verifyPayload });
      const whole = places.filter((place) => place.offset + place.recordBytes <= length);
      assert.deepEqual(found.places.slice(0, whole.length), whole);
      assert.ok(found.conditions.every((condition, index) => condition === (index < whole.length ? 'whole' : 'cut')));
      const end = whole.at(-1) ? whole.at(-1)!.offset + whole.at(-1)!.recordBytes : segmentHeaderBytes;
      assert.deepEqual(found.end, { kind: 'end', offset: end, rest: end === length ? 'clean' : 'cut' });
    }
  }
});

test('pages of zeros in a payload are a cut, a flipped bit is damage, also beside each other', async () => {
  const { file, places } = build([50_000, 200_000, 50_000]);
  const payload = places[1]!.offset + headBytes(places[1]!.plainBytes);
  const zeroedAt = Math.ceil(payload / page) * page;
  const torn = Buffer.from(file).fill(0, zeroedAt, zeroedAt + page);
  assert.deepEqual((await scan(torn, { verifyPayload: true })).conditions, ['whole', 'cut', 'whole']);
  assert.deepEqual((await scan(torn)).conditions, ['whole', 'whole', 'whole']);

  const flipped = Buffer.from(file);
  flipped[payload + 70_000]! ^= 1;
  assert.deepEqual((await scan(flipped, { verifyPayload: true })).conditions, ['whole', 'damaged', 'whole']);

  torn[payload + 150_000]! ^= 1;
  assert.deepEqual((await scan(torn, { verifyPayload: true })).conditions, ['whole', 'damaged', 'whole']);
});

test('a file extended by zeros is cut behind its last record', async () => {
  const { file, places } = build([9, 40], { footer: false });
  const found = await scan(Buffer.concat([file, Buffer.alloc(10_000)]), { verifyPayload: true });
  assert.deepEqual(found.places, places);
  assert.deepEqual(found.end, { kind: 'end', offset: file.length, rest: 'cut' });
});

test('a flipped bit in a head ends the scan as damage', async () => {
  const { file, places } = build([9, 40, 3], { footer: false });
  const second = places[1]!.offset;
  for (let bit = 0; bit < headBytes(40) * 8; bit += 1) {
    const bad = Buffer.from(file);
    bad[second + (bit >> 3)]! ^= 1 << (bit & 7);
    const found = await scan(bad);
    assert.deepEqual(found.places, places.slice(0, 1));
    assert.deepEqual(found.end, { kind: 'end', offset: second, rest: 'damaged' }, `bit ${bit}`);
  }
});

test('records of another segment are not taken', async () => {
  const { file } = build([9, 40, 3]);
  const found = await scan(file, { id: '00112233445566aa-0000002b' });
  assert.deepEqual(found.places, []);
  assert.equal(found.end.rest, 'damaged');
});
