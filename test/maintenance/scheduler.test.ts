import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import { checkVolume } from '../../src/maintenance/check.js';
import { ListingWorker } from '../../src/maintenance/deletion/listing-worker.js';
import { HashList, hashListName } from '../../src/maintenance/hash-list.js';
import { Pacer } from '../../src/maintenance/pacer.js';
import { Scheduler } from '../../src/maintenance/scheduler.js';
import type { StepResult } from '../../src/maintenance/worker.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import { fileBytes, sha256 } from '../store/store-fixture.js';
import { ManualClock } from '../support/manual-clock.js';
import { openHost } from './host-fixture.js';

function schedule(step: (count: number) => Promise<StepResult>) {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const onError = (_: string, error: unknown) => errors.push(error);
  const scheduler = new Scheduler({ clock, idleMs: 1_000, backOffLimitMs: 4_000, onError });
  let count = 0;
  scheduler.start({
    name: 'worker',
    step: () => {
      count += 1;
      return step(count);
    },
  });
  return { clock, scheduler, errors, steps: () => count };
}

test('a worker runs again at once after work, later when idle, at once when woken', async () => {
  const { clock, scheduler, steps } = schedule(async (count) => (count < 3 ? 'worked' : 'idle'));
  for (let turn = 0; turn < 5; turn += 1) await clock.advance(0);
  assert.equal(steps(), 3);
  await clock.advance(999);
  assert.equal(steps(), 3);
  await clock.advance(1);
  assert.equal(steps(), 4);
  scheduler.wake('worker');
  await clock.advance(0);
  assert.equal(steps(), 5);
  await scheduler.close();
  await scheduler.close();
  await clock.advance(10_000);
  assert.equal(steps(), 5);
});

test('errors are told and backed off from, and none ends a worker, CLOSED of a removed node neither', async () => {
  const { clock, scheduler, errors, steps } = schedule(async () => {
    throw new DriveError('CLOSED');
  });
  for (const pauseMs of [1_000, 2_000, 4_000, 4_000]) await clock.advance(pauseMs);
  assert.equal(steps(), 5);
  assert.equal(errors.length, 5);
  await scheduler.close();
});

test('background work rests three times as long as it worked while clients are served, and not at all otherwise', async () => {
  const clock = new ManualClock();
  const host = { clock, isServing: () => true };
  const pacer = new Pacer(host);
  await clock.advance(40);
  let isDone = false;
  const pacing = pacer.pace().then(() => {
    isDone = true;
  });
  await clock.advance(119);
  assert.equal(isDone, false);
  await clock.advance(1);
  await pacing;
  host.isServing = () => false;
  await clock.advance(40);
  await pacer.pace();
});

test('a node is listed once for any number of hints, and rests twenty times as long as it took', async (t) => {
  const host = await openHost(t, { letters: 'a' });
  let listings = 0;
  const worker = new ListingWorker(host, async () => {
    listings += 1;
    await host.clock.advance(100);
  });
  const { signal } = new AbortController();
  await worker.step(signal);
  for (let hint = 0; hint < 5; hint += 1) worker.want(host.all[0]!.id);
  assert.equal(await worker.step(signal), 'idle');
  await host.clock.advance(2_000);
  await worker.step(signal);
  assert.equal(await worker.step(signal), 'idle');
  assert.equal(listings, 2);
  await host.clock.advance(60_000);
  host.all[0]!.state = 'suspect';
  assert.equal(await worker.step(signal), 'idle');
  host.all[0]!.state = 'online';
  assert.equal(await worker.step(signal), 'worked');
});

test('each node carries the hashes of its sealed segments for sha256sum', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save({ name: 'a', bytes: 10_000, seed: 1 });
  await new HashList(host).step();
  for (const node of host.all) {
    const line = `${sha256(fileBytes(node, segment))}  ${segmentFileName(segment)}\n`;
    assert.equal(node.store.bytesOf('segments', hashListName).toString(), line);
  }
});

test('check: copies that lack are degraded, none left is a finding, and a copy made after the listing counts', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save({ name: 'a', bytes: 10_000, seed: 1 });
  const name = segmentFileName(segment);
  const check = () => checkVolume({ meta: host.meta, nodes: host.all, isOpen: () => false });
  assert.deepEqual([(await check()).findings, (await check()).degraded], [[], []]);
  const [a, b] = host.all;
  const list = a!.store.list.bind(a!.store);
  a!.store.list = async (folder) => (await list(folder)).filter((file) => file.name !== name);
  assert.deepEqual((await check()).degraded, [], 'the listing was old');
  a!.store.list = list;
  const bytes = Buffer.from(fileBytes(a!, segment));
  a!.store.lose('segments', name);
  assert.equal((await check()).degraded.length, 1);
  b!.leave(0);
  const away = await check();
  assert.deepEqual([away.findings.length, away.degraded.length], [0, 2]);
  b!.state = 'online';
  b!.store.lose('segments', name);
  assert.equal((await check()).findings.length, 1);
  await a!.store.put('segments', name, [bytes]);
});
