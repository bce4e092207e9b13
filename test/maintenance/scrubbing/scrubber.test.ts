import assert from 'node:assert/strict';
import { test } from 'node:test';
import { productionSafety } from '../../../src/core/safety-parameters.js';
import { Healer } from '../../../src/maintenance/healing/healer.js';
import { Scrubber } from '../../../src/maintenance/scrubbing/scrubber.js';
import { segmentFileName } from '../../../src/segment/segment-id.js';
import { chunkOf } from '../../store/store-fixture.js';
import { settle } from '../../support/manual-clock.js';
import { type HostFixture, openHost, runUntilIdle } from '../host-fixture.js';

const MiB = 1024 * 1024;
const dayMs = 24 * 3_600_000;
const { signal } = new AbortController();
const files = (first: number) =>
  [0, 1].map((index) => ({ name: `file-${first + index}`, bytes: 300_000, seed: first + index }));

const proofs = (host: HostFixture) =>
  host.reader.proofs().map(({ copies, proven, oldest }) => ({ copies, proven, oldest: oldest !== null }));

test('every copy is proven once, and again after half of the period', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await host.save(...files(0));
  await host.save(...files(2));
  let bad = 0;
  const scrubber = new Scrubber(host, () => (bad += 1));
  await runUntilIdle(host, scrubber);
  assert.equal(scrubber.status().readCopies, 4);
  assert.deepEqual(proofs(host), [
    { copies: 2, proven: 2, oldest: true },
    { copies: 2, proven: 2, oldest: true },
  ]);
  await runUntilIdle(host, scrubber);
  assert.equal(scrubber.status().readCopies, 4, 'nothing is due');
  await host.clock.advance(16 * dayMs);
  await runUntilIdle(host, scrubber);
  assert.equal(scrubber.status().readCopies, 8);
  const before = host.clock.now() - 15 * dayMs;
  assert.deepEqual(host.reader.oldestProofs({ nodes: host.all.map(({ id }) => id), before, limit: 10 }), []);
  assert.equal(bad, 0);
});

test('rot is found, noted for the healer and named; the other copies keep their state', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files(0));
  const other = await host.save(...files(2));
  host.node('b'.repeat(16)).store.damage('segments', segmentFileName(segment), 400_000);
  let bad = 0;
  const scrubber = new Scrubber(host, () => (bad += 1));
  await runUntilIdle(host, scrubber);
  assert.deepEqual(host.states(segment), ['a good', 'b damaged']);
  assert.deepEqual(host.states(other), ['a good', 'b good']);
  assert.deepEqual([bad, scrubber.status().badCopies], [1, 1]);
  const report = host.reports.find((line) => line.includes(`bad copy: segment ${segment} on node b is damaged`));
  assert.match(report ?? '', /it concerns \/file-1; it is made again from a good copy/);
});

test('without another good copy it says so, and names every file in the damage', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files(0));
  await host.meta.writer.setReplicaStates([{ segment, node: 'a'.repeat(16), state: 'missing' }]);
  host.node('b'.repeat(16)).store.lose('segments', segmentFileName(segment));
  await runUntilIdle(host, new Scrubber(host, () => undefined));
  assert.match(
    host.reports.join('\n'),
    /is missing: it concerns \/file-0, \/file-1; no other copy is known to be good/,
  );
});

test('rot in many copies is found within the period, named, healed, and nothing else is touched', async (t) => {
  const host = await openHost(t, { letters: 'abc' });
  const segments: string[] = [];
  for (let first = 0; first < 16; first += 2) segments.push(await host.save(...files(first)));
  const healer = new Healer(host);
  const scrubber = new Scrubber(host, () => healer.lookAgain());
  await runUntilIdle(host, scrubber);
  await host.clock.advance(dayMs);
  const whole = new Map(
    host.all.map(({ id, store }) => [
      id,
      new Map(store.names('segments').map((name) => [name, Buffer.from(store.bytesOf('segments', name))])),
    ]),
  );
  const rotten = segments
    .filter((_, index) => index % 2 === 0)
    .map((segment, index) => ({
      segment,
      node: host.holders(segment)[index % 2]!,
      file: `/file-${4 * index + (index % 2)}`,
    }));
  for (const [index, { segment, node }] of rotten.entries()) {
    node.store.damage('segments', segmentFileName(segment), index % 2 === 0 ? 100_000 : 400_000);
  }
  for (const { store } of host.all) store.log.length = 0;
  const rotted = host.clock.now();
  for (let found = 0; found < rotten.length; found = scrubber.status().badCopies) {
    assert.ok(host.clock.now() - rotted <= productionSafety.scrubPeriodMs, `${found} found within the period`);
    await host.clock.advance(dayMs);
    await runUntilIdle(host, scrubber);
  }
  for (let steps = 0; (await healer.step(signal)) !== 'idle'; steps += 1) assert.ok(steps < 100);
  for (const { segment, node, file } of rotten) {
    const report = host.reports.find((line) => line.includes(segment));
    assert.ok(report?.includes(`on ${node.label} is damaged: it concerns ${file}; it is made again`), report);
  }
  assert.equal(host.reports.filter((line) => line.includes('bad copy:')).length, rotten.length);
  for (const { id, store } of host.all) {
    for (const [name, bytes] of whole.get(id)!) assert.ok(store.bytesOf('segments', name).equals(bytes), name);
    assert.equal(store.names('segments').length, whole.get(id)!.size);
    const written = store.log.filter(({ operation }) => operation !== 'read' && operation !== 'list');
    const expected = rotten.filter(({ node }) => node.id === id).map(({ segment }) => segmentFileName(segment));
    assert.deepEqual([...new Set(written.map(({ name }) => name))].sort(), expected.sort());
  }
});

test('a node that is away is left alone, and read when it is back', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await host.save(...files(0));
  const b = host.node('b'.repeat(16));
  b.leave(host.clock.now());
  const scrubber = new Scrubber(host, () => assert.fail('nothing is bad'));
  await runUntilIdle(host, scrubber);
  assert.equal(scrubber.status().readCopies, 1);
  b.state = 'online';
  await runUntilIdle(host, scrubber);
  assert.equal(scrubber.status().readCopies, 2);
});

test('a copy that cannot be read now is postponed, and holds up no other', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await host.save(...files(0));
  const b = host.node('b'.repeat(16));
  b.store.plan({ operation: 'read', effect: 'NODE_GONE' });
  const scrubber = new Scrubber(host, () => assert.fail('nothing is known to be bad'));
  await runUntilIdle(host, scrubber);
  assert.equal(scrubber.status().readCopies, 1);
  await host.clock.advance(700_000);
  await runUntilIdle(host, scrubber);
  assert.equal(scrubber.status().readCopies, 2);
});

test('what a client found bad while a copy was read is not called good again', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files(0));
  const scrubber = new Scrubber(host, () => undefined);
  const step = scrubber.step(signal);
  await settle();
  for (const node of host.all) {
    await host.meta.writer.setReplicaStates([{ segment, node: node.id, state: 'damaged' }]);
  }
  let isDone = false;
  void step.then(() => {
    isDone = true;
  });
  while (!isDone) {
    await settle();
    if (host.clock.pending > 0) await host.clock.advance(10);
  }
  assert.equal(scrubber.status().readCopies, 1);
  assert.deepEqual(host.states(segment), ['a damaged', 'b damaged']);
});

test('what is written to for long is sealed after a quarter of the period, so that it is read too', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await host.segments.append([chunkOf(1_000, 1)], { lane: 'small' });
  const scrubber = new Scrubber(host, () => undefined);
  await runUntilIdle(host, scrubber);
  await host.clock.advance(productionSafety.scrubPeriodMs / 5);
  await runUntilIdle(host, scrubber);
  assert.equal(host.segments.openSegments().filter(({ sealing }) => !sealing).length, 1);
  await host.clock.advance(productionSafety.scrubPeriodMs / 20);
  await runUntilIdle(host, scrubber);
  assert.equal(host.segments.openSegments().filter(({ sealing }) => !sealing).length, 0);
});

test('it reads no faster than the period asks for', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await host.save(...[0, 1, 2, 3].map((seed) => ({ name: `file-${seed}`, bytes: MiB, seed })));
  const scrubber = new Scrubber(host, () => undefined);
  const started = host.clock.monotonic();
  await runUntilIdle(host, scrubber);
  const seconds = (host.clock.monotonic() - started) / 1000;
  const rate = scrubber.status().readBytes / MiB / seconds;
  assert.ok(rate <= 4, `${rate} MiB/s`);
  assert.ok(rate > 2, `${rate} MiB/s`);
});
