import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cleaner } from '../../src/maintenance/cleaning/cleaner.js';
import { isWorthEmptying, planCleaning, type SegmentFigures } from '../../src/maintenance/cleaning/cleaning-plan.js';
import { Pruner } from '../../src/maintenance/cleaning/pruner.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import { MiB } from '../store/store-fixture.js';
import { type HostFixture, openHost } from './host-fixture.js';

const { signal } = new AbortController();
const options = { segmentBytes: 128 * MiB, isScarce: false };
const of = (id: string, lengthBytes: number, liveBytes: number, wanted = 2): SegmentFigures => ({
  id,
  lengthBytes,
  liveBytes,
  wanted,
});

test('plan: dead ones are retired, the deadest are emptied first, and mostly living ones are left', () => {
  const plan = planCleaning(
    [
      of('dead', 100, 0),
      of('third', 100 * MiB, 30 * MiB),
      of('most', 100 * MiB, 80 * MiB),
      of('tenth', 100 * MiB, 10 * MiB),
    ],
    options,
  );
  assert.deepEqual(plan, { dead: ['dead'], emptied: ['tenth', 'third'] });
  const scarce = planCleaning([of('most', 100 * MiB, 80 * MiB)], { ...options, isScarce: true });
  assert.deepEqual(scarce.emptied, ['most']);
});

test('plan: a small segment whose length is header and footer is never worth it, not even when room is scarce', () => {
  for (const isScarce of [false, true]) {
    assert.deepEqual(planCleaning([of('tiny', 310, 138)], { ...options, isScarce }).emptied, []);
  }
  // 65,536 records of 138 bytes have a footer of 3 MiB, and would again.
  const many = { lengthBytes: 64 + 65_536 * 138 + 65_536 * 49, liveBytes: 65_536 * 138 };
  assert.equal(isWorthEmptying(many, { ...options, isScarce: true }, 65_536), false);
});

test('plan: small segments are merged when they are many, the smallest half, as far as one segment takes them', () => {
  const small = Array.from({ length: 16 }, (_, index) => of(`${index}`, (index + 1) * 1_000, (index + 1) * 900));
  assert.deepEqual(planCleaning(small, options).emptied, []);
  const merged = planCleaning([...small, of('16', 17_000, 16_000)], options).emptied;
  assert.deepEqual(merged, ['0', '1', '2', '3', '4', '5', '6', '7', '8']);
  const large = Array.from({ length: 40 }, (_, index) => of(`${index}`, 15 * MiB, 15 * MiB));
  assert.equal(planCleaning(large, options).emptied.length, 8);
});

async function saveFiles(host: HostFixture, count: number): Promise<string> {
  return host.save(...Array.from({ length: count }, (_, seed) => ({ name: `file-${seed}`, bytes: 500_000, seed })));
}

test('living chunks move to a new segment before the old one is retired', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await saveFiles(host, 7);
  await host.remove(...[1, 2, 3, 4, 5, 6].map((file) => `file-${file}`));
  const retired: string[] = [];
  const cleaner = new Cleaner(host, (segments) => retired.push(...segments));
  for (let step = 0; step < 8; step += 1) {
    await cleaner.step(signal);
    await host.clock.advance(3_000);
  }
  assert.deepEqual(retired, [segment]);
  assert.equal(host.reader.segment(segment), undefined);
  assert.deepEqual(host.reader.chunksWithoutPlace(1), []);
  const [entry] = host.reader.list(1, '', 10).rows;
  const [chunk] = host.reader.contentChunks(entry!.content!, 0, 1);
  const nodes = chunk!.replicas.map(({ node }) => node);
  assert.equal(nodes.length, 2);
  assert.equal((await host.readChunk({ place: chunk!.place!, nodes }, signal)).length, 500_000);
  assert.ok(
    host.all.every((node) => node.store.names('segments').includes(segmentFileName(segment))),
    'only the gate moves files',
  );
});

test('when fewer nodes take the chunks than had them, the old segment stays', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await saveFiles(host, 7);
  await host.remove(...[1, 2, 3, 4, 5, 6].map((file) => `file-${file}`));
  host.all[0]!.state = 'suspect';
  const cleaner = new Cleaner(host, () => assert.fail('retired'));
  for (let step = 0; step < 4; step += 1) {
    await cleaner.step(signal);
    await host.clock.advance(3_000);
  }
  assert.equal(host.reader.segmentChunks(segment, -1, 10).length, 1);
  assert.equal(host.reports.length, 1, host.reports.join('\n'));
});

test('a segment with a chunk that cannot be read is left alone, and the others are cleaned', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const damaged = await saveFiles(host, 7);
  const other = await host.save(
    ...[0, 1, 2, 3, 4].map((seed) => ({ name: `other-${seed}`, bytes: 500_000, seed: 50 + seed })),
  );
  await host.remove(...[1, 2, 3, 4, 5, 6].map((file) => `file-${file}`), 'other-0', 'other-1', 'other-2');
  for (const node of host.all) node.store.damage('segments', segmentFileName(damaged), 1_000);
  const retired: string[] = [];
  const cleaner = new Cleaner(host, (segments) => retired.push(...segments));
  for (let step = 0; step < 8; step += 1) {
    await cleaner.step(signal);
    await host.clock.advance(3_000);
  }
  assert.deepEqual(retired, [other]);
  assert.ok(host.reader.segment(damaged));
});

test('what was deleted is pruned step by step, but not what a reader has open', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await saveFiles(host, 2);
  const [first] = host.reader.list(1, '', 10).rows;
  host.readers.add(first!.content!);
  for (const name of ['file-0', 'file-1']) await host.submit({ kind: 'delete', principal: '', now: 1, path: [name] });
  const pruner = new Pruner(host);
  while ((await pruner.step()) === 'worked');
  assert.ok(host.reader.content(first!.content!));
  assert.equal(host.reader.counts().liveBytes > 0, true);
  host.readers.clear();
  while ((await pruner.step()) === 'worked');
  assert.equal(host.reader.counts().liveBytes, 0);
});
