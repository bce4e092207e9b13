import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReadBuffers } from '../../../src/core/memory/read-buffers.js';

const long = 1024 * 1024;

test('a long buffer that was given back is handed out again, and only once', () => {
  const buffers = new ReadBuffers();
  const first = buffers.take(long);
  assert.equal(first.length, long);
  buffers.giveBack(first.subarray(100, 200));
  buffers.giveBack(first);
  const second = buffers.take(long - 5);
  assert.equal(second.length, long - 5);
  assert.equal(second.buffer, first.buffer);
  assert.notEqual(buffers.take(long).buffer, first.buffer);
});

test('what is still out is never handed out', () => {
  const buffers = new ReadBuffers();
  const out = Array.from({ length: 100 }, () => buffers.take(long).buffer);
  assert.equal(new Set(out).size, 100);
});

test('short buffers, longer ones and those of others are left alone', () => {
  const buffers = new ReadBuffers();
  for (const lengthBytes of [0, 1, 4096, 256 * 1024, 8 * long]) {
    const bytes = buffers.take(lengthBytes);
    assert.equal(bytes.length, lengthBytes);
    buffers.giveBack(bytes);
  }
  const foreign = Buffer.alloc(long + 16 * 1024);
  buffers.giveBack(foreign);
  assert.notEqual(buffers.take(long).buffer, foreign.buffer);
});

test('what is kept is bounded', () => {
  const buffers = new ReadBuffers();
  const out = Array.from({ length: 100 }, () => buffers.take(long));
  for (const bytes of out) buffers.giveBack(bytes);
  const again = new Set(Array.from({ length: 100 }, () => buffers.take(long).buffer));
  assert.ok(out.filter(({ buffer }) => again.has(buffer)).length <= 32);
});

test('two blocks get a buffer of their own size', () => {
  const buffers = new ReadBuffers();
  const range = buffers.take(128 * 1024);
  buffers.giveBack(range);
  assert.notEqual(buffers.take(long).buffer, range.buffer);
  assert.equal(buffers.take(64 * 1024).buffer, range.buffer);
});
