import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BatchReader, batchesBehindDamage, decodeBatches } from '../../src/segment/batch-reader.js';
import { batchHeaderBytes, decodeBatch, encodeBatch, genesisHash } from '../../src/segment/journal-batch.js';

const page = 4096;

/** A chain of batches with the given operations. */
function chain(operations: readonly Buffer[]) {
  let previousSequence = 0;
  let previousHash = genesisHash;
  return operations.map((bytes, index) => {
    const content = {
      sequence: previousSequence + 1 + (index % 3),
      previousSequence,
      previousHash,
      epoch: '00000000000000aa',
      writer: '00000000000000bb',
      isEpoch: index === 0,
      operations: bytes,
    };
    const encoded = encodeBatch(content);
    previousSequence = content.sequence;
    previousHash = encoded.hash;
    return { content, ...encoded };
  });
}

/** Bytes of a JSON text: never zero. */
const operationsBytes = fc
  .record({ length: fc.integer({ min: 0, max: 9_000 }), seed: fc.integer({ min: 1, max: 90 }) })
  .map(({ length, seed }) => Buffer.from(Uint8Array.from({ length }, (_, index) => 0x20 + ((index + seed) % 90))));
const histories = fc.array(operationsBytes, { minLength: 1, maxLength: 6 });

test('batches give back what went in, however the file is cut into pieces', () => {
  fc.assert(
    fc.property(histories, fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1 }), (operations, pieces) => {
      const batches = chain(operations);
      const file = Buffer.concat(batches.map((batch) => batch.bytes));
      const reader = new BatchReader();
      const found = [];
      for (let at = 0, turn = 0; at < file.length; turn += 1) {
        const end = at + pieces[turn % pieces.length]!;
        found.push(...reader.push(file.subarray(at, end)));
        at = end;
      }
      assert.deepEqual(reader.end(), { validBytes: file.length, rest: 'clean' });
      assert.deepEqual(
        found,
        batches.map(({ content, bytes, hash }) => ({ ...content, bytes, hash })),
      );
    }),
    { numRuns: 50 },
  );
});

test('an empty file is clean', () => {
  assert.deepEqual(decodeBatches(Buffer.alloc(0)), { batches: [], validBytes: 0, rest: 'clean' });
});

test('a single flipped bit anywhere in a batch is detected as damage', () => {
  const [first, second] = chain([Buffer.from('{"o":"one"}\n'), Buffer.from('{"o":"two"}\n')]);
  for (const tail of [Buffer.alloc(0), second!.bytes]) {
    for (let bit = 0; bit < first!.bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(first!.bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const found = decodeBatches(Buffer.concat([flipped, tail]));
      assert.deepEqual(found, { batches: [], validBytes: 0, rest: 'damaged' }, `bit ${bit}`);
    }
  }
});

test('a file cut at any byte gives the batches before', () => {
  const batches = chain([Buffer.from('{"o":"one"}\n'), Buffer.from('{"o":"two"}\n')]);
  const file = Buffer.concat(batches.map((batch) => batch.bytes));
  const firstBytes = batches[0]!.bytes.length;
  for (let length = 0; length < file.length; length += 1) {
    const found = decodeBatches(file.subarray(0, length));
    const whole = length >= firstBytes ? 1 : 0;
    assert.equal(found.batches.length, whole);
    assert.equal(found.validBytes, whole * firstBytes);
    assert.equal(found.rest, length === whole * firstBytes ? 'clean' : 'cut');
  }
});

test('a last batch of which a single sector did not reach the disk is cut, wherever the sector lies', () => {
  const [first, last] = chain([Buffer.from('{}\n'), Buffer.alloc(1_500, 0x61)]);
  const validBytes = first!.bytes.length;
  const whole = Buffer.concat([first!.bytes, last!.bytes]);
  for (let from = 0; from < whole.length; from += 512) {
    const torn = Buffer.from(whole).fill(0, Math.max(from, validBytes), Math.min(from + 512, whole.length));
    assert.deepEqual(
      decodeBatches(torn),
      { ...decodeBatches(first!.bytes), rest: 'cut', validBytes },
      `sector ${from}`,
    );
    const flipped = Buffer.from(whole);
    flipped[Math.max(from, validBytes) + 5]! ^= 1;
    assert.equal(decodeBatches(flipped).rest, 'damaged', `sector ${from}`);
  }
});

test('a last batch with a page of zeros is cut, the same page before another batch is damage', () => {
  const [first, long, last] = chain([Buffer.from('{}\n'), Buffer.alloc(3 * page, 0x61), Buffer.from('{"o":"two"}\n')]);
  const torn = Buffer.concat([first!.bytes, long!.bytes]);
  for (const from of [0, page, 2 * page]) {
    const bad = Buffer.from(torn).fill(0, Math.max(from, first!.bytes.length), from + page);
    const validBytes = first!.bytes.length;
    assert.deepEqual(decodeBatches(bad), { ...decodeBatches(first!.bytes), rest: 'cut', validBytes }, `page ${from}`);
    const followed = decodeBatches(Buffer.concat([bad, last!.bytes]));
    assert.deepEqual([followed.validBytes, followed.rest], [validBytes, 'damaged'], `page ${from}`);
  }
});

test('what verifies behind damage is found, where it stands', () => {
  const [first, bad, next, last] = chain(['{}\n', '{"o":"two"}\n', 'HFBT\n', '{}\n'].map((text) => Buffer.from(text)));
  const damaged = Buffer.from(bad!.bytes);
  damaged[batchHeaderBytes]! ^= 1;
  const file = Buffer.concat([first!.bytes, damaged, next!.bytes, last!.bytes]);
  const from = decodeBatches(file).validBytes;
  assert.equal(from, first!.bytes.length);
  assert.deepEqual(
    batchesBehindDamage(file, from).map(({ offset, batch }) => [offset, batch.hash]),
    [
      [from + damaged.length, next!.hash],
      [file.length - last!.bytes.length, last!.hash],
    ],
  );
});

test('zeros behind the last batch are a cut', () => {
  const [first] = chain([Buffer.from('{}\n')]);
  const found = decodeBatches(Buffer.concat([first!.bytes, Buffer.alloc(2 * page)]));
  assert.deepEqual([found.batches.length, found.validBytes, found.rest], [1, first!.bytes.length, 'cut']);
});

test('the chain hash depends on every earlier batch', () => {
  const one = chain([Buffer.from('a'), Buffer.from('b')]);
  const other = chain([Buffer.from('A'), Buffer.from('b')]);
  assert.notEqual(one[1]!.hash, other[1]!.hash);
  assert.equal(one[0]!.bytes.length, batchHeaderBytes + 1);
});

test('a batch that was cut anywhere is none, its header included', () => {
  const { bytes } = chain([Buffer.from('operations')])[0]!;
  for (let length = 0; length < bytes.length; length++) assert.equal(decodeBatch(bytes.subarray(0, length)), undefined);
  assert.ok(decodeBatch(bytes));
});

test('random bytes hold no batch', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      assert.equal(decodeBatches(Buffer.from(bytes)).batches.length, 0);
    }),
  );
});
