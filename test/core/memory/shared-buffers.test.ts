import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShared, SharedBuffers } from '../../../src/core/memory/shared-buffers.js';

test('a buffer comes back once, and then serves again', () => {
  const buffers = new SharedBuffers({ bufferBytes: 100, mostKept: 2 });
  const first = buffers.take();
  assert.deepEqual([first.length, isShared(first), isShared(Buffer.alloc(8))], [100, true, false]);
  assert.notEqual(buffers.take().buffer, first.buffer, 'nobody else has it meanwhile');
  buffers.giveBack(first.subarray(3, 9));
  buffers.giveBack(first);
  assert.equal(buffers.take().buffer, first.buffer);
  assert.notEqual(buffers.take().buffer, first.buffer, 'given back twice it serves once');
});

test('no more than the bound are kept; what was abandoned or came from elsewhere is not', () => {
  const buffers = new SharedBuffers({ bufferBytes: 100, mostKept: 2 });
  const taken = [buffers.take(), buffers.take(), buffers.take(), buffers.take()];
  buffers.abandon(taken[0]!);
  for (const buffer of [...taken, Buffer.alloc(100)]) buffers.giveBack(buffer);
  const again = [buffers.take(), buffers.take(), buffers.take()].map(({ buffer }) => buffer);
  assert.deepEqual(
    taken.map(({ buffer }) => again.includes(buffer)),
    [false, true, true, false],
  );
});
