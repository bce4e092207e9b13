/** The thread that hashes is used again by the next hasher, which must find nothing of the one before in it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { SegmentHasher } from '../../../src/store/write/segment-hasher.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('a hash that was never ended is not continued by the next hasher', async () => {
  const first = new SegmentHasher();
  await first.start().add([Buffer.from('left behind')]);
  await first.close();
  const second = new SegmentHasher();
  const running = second.start();
  await running.add([Buffer.from('a segment')]);
  assert.equal(await running.end('a segment'.length), sha256('a segment'));
  await second.close();
});

test('what was asked before the close is answered, and what comes later is not', async () => {
  const hasher = new SegmentHasher();
  const running = hasher.start();
  const begun = running.add([Buffer.from('one')]);
  const closed = hasher.close();
  await begun;
  await running.add([Buffer.from('two')]);
  assert.equal(await running.end('onetwo'.length), undefined);
  await closed;
});

test('two hashers at a time have threads of their own', async () => {
  const hashers = [new SegmentHasher(), new SegmentHasher()];
  const running = hashers.map((hasher) => hasher.start());
  await Promise.all(running.map((hash, index) => hash.add([Buffer.from(`segment ${index}`)])));
  const digests = await Promise.all(running.map((hash) => hash.end('segment 0'.length)));
  assert.deepEqual(digests, [sha256('segment 0'), sha256('segment 1')]);
  for (const hasher of hashers) await hasher.close();
});
