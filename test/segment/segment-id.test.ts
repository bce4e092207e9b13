import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/core/errors.js';
import { formatJournalFileName, parseJournalFileName } from '../../src/segment/journal-file-name.js';
import { decodeSegmentHeader, encodeSegmentHeader, segmentHeaderBytes } from '../../src/segment/segment-header.js';
import { formatSegmentId, parseSegmentId, segmentFileName, segmentOfFileName } from '../../src/segment/segment-id.js';

const hexId = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const counter = fc.integer({ min: 0, max: 0xffffffff });
const isCorrupt = (error: unknown) => hasCode(error, 'CORRUPT');

test('segment ids and file names go to text and back', () => {
  fc.assert(
    fc.property(hexId, counter, (epoch, count) => {
      const id = formatSegmentId({ epoch, counter: count });
      assert.deepEqual(parseSegmentId(id), { epoch, counter: count });
      assert.equal(segmentOfFileName(segmentFileName(id)), id);
    }),
  );
});

test('ids of one epoch sort by counter', () => {
  const ids = [1, 9, 10, 255, 256, 70_000].map((count) =>
    formatSegmentId({ epoch: '00000000000000aa', counter: count }),
  );
  assert.deepEqual([...ids].sort(), ids);
});

test('other names are not segments', () => {
  const id = formatSegmentId({ epoch: '00000000000000aa', counter: 1 });
  for (const name of [
    '',
    '.seg',
    id,
    `${id}.seg.tmp`,
    `.${id}.seg`,
    `${id.toUpperCase()}.seg`,
    `x${id}.seg`,
    `${id}.SEG`,
  ]) {
    assert.equal(segmentOfFileName(name), undefined, name);
  }
  for (const text of ['', 'abc', `${id}0`, id.toUpperCase()])
    assert.throws(() => parseSegmentId(text), isCorrupt, text);
});

test('journal file names go to text and back and sort by sequence', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_999_999_999_999 }), hexId, hexId, (firstSequence, epoch, writer) => {
      const name = formatJournalFileName({ firstSequence, epoch, writer });
      assert.deepEqual(parseJournalFileName(name), { firstSequence, epoch, writer });
    }),
  );
  const [epoch, writer] = ['00000000000000aa', '00000000000000bb'] as const;
  assert.equal(
    formatJournalFileName({ firstSequence: 7, epoch, writer }),
    '0000000000000007-00000000000000aa-00000000000000bb.journal',
  );
  for (const name of [
    '',
    '7.journal',
    `9999999999999999-${epoch}-${writer}.journal`,
    `0000000000000007-${epoch}.journal`,
  ]) {
    assert.equal(parseJournalFileName(name), undefined, name);
  }
});

test('a segment header gives back what went in, and any flipped bit or cut shows', () => {
  const header = { volume: 'aabbccddeeff0011', segment: '00112233445566aa-0000002a' };
  const bytes = encodeSegmentHeader(header);
  assert.equal(bytes.length, segmentHeaderBytes);
  assert.deepEqual(decodeSegmentHeader(bytes, header), header);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeSegmentHeader(flipped), isCorrupt, `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length += 1) {
    assert.throws(() => decodeSegmentHeader(bytes.subarray(0, length)), isCorrupt);
  }
  assert.throws(() => decodeSegmentHeader(bytes, { ...header, volume: 'aabbccddeeff0012' }), isCorrupt);
  assert.throws(() => decodeSegmentHeader(bytes, { ...header, segment: '00112233445566aa-0000002b' }), isCorrupt);
});
