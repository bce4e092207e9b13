import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { readBuffers } from '../../../src/core/memory/read-buffers.js';
import { blockBytes } from '../../../src/segment/chunk-id.js';
import type { ChunkPlace } from '../../../src/segment/chunk-place.js';
import { HotBlocks } from '../../../src/store/read/hot-blocks.js';

const plain = randomBytes(5 * blockBytes + 1000);
const place = (offset: number): ChunkPlace => ({
  chunk: 'c'.repeat(64),
  segment: `${'a'.repeat(16)}-00000001`,
  offset,
  recordBytes: plain.length,
  plainBytes: plain.length,
});

test('what a range gives is what was put in, whatever came and went meanwhile', () => {
  const block = fc.integer({ min: 0, max: 5 });
  const action = fc.record({
    kind: fc.constantFrom('set', 'get'),
    offset: fc.integer({ min: 0, max: 3 }),
    block,
    count: fc.integer({ min: 1, max: 6 }),
    cutStart: fc.integer({ min: 0, max: 999 }),
    cutEnd: fc.integer({ min: 0, max: 999 }),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      // Room for a few blocks only, so that their memory is soon used again.
      const blocks = new HotBlocks(6 * blockBytes);
      for (const { kind, offset, block, count, cutStart, cutEnd } of actions) {
        // Chunks at other places hold other bytes: the same ones, further on.
        const bytes = Buffer.concat([plain.subarray(offset), plain.subarray(0, offset)]);
        const start = block * blockBytes;
        const end = Math.min(bytes.length, start + count * blockBytes);
        if (kind === 'set') blocks.set(place(offset), block, Buffer.from(bytes.subarray(start, end)));
        const [from, to] = [start + cutStart, end - cutEnd];
        if (from >= to) continue;
        const range = blocks.get(place(offset), from, to);
        if (!range) continue;
        assert.ok(range.equals(bytes.subarray(from, to)));
        readBuffers.giveBack(range);
      }
    }),
    { numRuns: 300 },
  );
});

test('a range that was given out stays as it is when its blocks are forgotten', () => {
  const blocks = new HotBlocks(2 * blockBytes);
  blocks.set(place(0), 0, Buffer.alloc(2 * blockBytes, 'a'));
  const range = blocks.get(place(0), 10, 2 * blockBytes)!;
  blocks.set(place(1), 0, Buffer.alloc(2 * blockBytes, 'b'));
  assert.equal(blocks.get(place(0), 0, 1), undefined);
  assert.ok(range.every((byte) => byte === 'a'.charCodeAt(0)));
});

test('a range is there only when all of its blocks are, and long ones are not kept', () => {
  const blocks = new HotBlocks(16 * blockBytes);
  blocks.set(place(0), 0, plain.subarray(0, 5 * blockBytes));
  assert.equal(blocks.get(place(0), 0, 1), undefined);
  blocks.set(place(0), 1, plain.subarray(blockBytes, 2 * blockBytes));
  assert.equal(blocks.get(place(0), 0, blockBytes + 1), undefined);
  assert.equal(blocks.get(place(0), blockBytes, 2 * blockBytes)?.length, blockBytes);
  const none = new HotBlocks(0);
  none.set(place(0), 0, plain.subarray(0, 10));
  assert.equal(none.get(place(0), 0, 10), undefined);
});
