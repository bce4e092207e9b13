import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discard } from '../../../src/core/memory/discard.js';

const KiB = 1024;

test('whole buffers are gone soon, also those that are given twice', () => {
  const buffers = Array.from({ length: 40 }, () => Buffer.alloc(64 * KiB));
  for (const buffer of buffers) for (let time = 0; time < 2; time += 1) discard(buffer);
  assert.ok(buffers.slice(0, 20).every(({ length }) => length === 0));
});

test('parts of something, short ones and shared ones are left alone', () => {
  const whole = Buffer.alloc(128 * KiB, 1);
  const short = Buffer.from('what Node keeps in its pool');
  const shared = Buffer.from(new SharedArrayBuffer(64 * KiB));
  for (let time = 0; time < 40; time += 1) {
    for (const bytes of [whole.subarray(0, 64 * KiB), whole.subarray(64 * KiB), short, shared]) discard(bytes);
  }
  assert.deepEqual(
    [whole.length, short.toString(), shared.length],
    [128 * KiB, 'what Node keeps in its pool', 64 * KiB],
  );
});
