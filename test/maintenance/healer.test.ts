import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Healer } from '../../src/maintenance/healing/healer.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import { fileBytes } from '../store/store-fixture.js';
import { type HostFixture, openHost } from './host-fixture.js';

const MiB = 1024 * 1024;
const files = [0, 1, 2, 3].map((seed) => ({ name: `file-${seed}`, bytes: 300_000, seed }));
const { signal } = new AbortController();

async function run(healer: Healer): Promise<number> {
  for (let steps = 0; ; steps += 1) {
    assert.ok(steps < 100, 'it comes to an end');
    if ((await healer.step(signal)) === 'idle') return steps;
  }
}

async function mark(host: HostFixture, segment: string, letter: string, state: 'missing' | 'short' | 'damaged') {
  await host.meta.writer.setReplicaStates([{ segment, node: letter.repeat(16), state }]);
}

test('a lost copy is written anew, byte for byte, and then nothing is left to do', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files);
  const [a, b] = host.all;
  a!.store.lose('segments', segmentFileName(segment));
  await mark(host, segment, 'a', 'missing');
  const healer = new Healer(host);
  await run(healer);
  assert.ok(fileBytes(a!, segment).equals(fileBytes(b!, segment)));
  assert.deepEqual(host.states(segment), ['a good', 'b good']);
  const { active, queuedSegments, healedSegments } = healer.status();
  assert.deepEqual({ active, queuedSegments, healedSegments }, { active: false, queuedSegments: 0, healedSegments: 1 });
  const told = host.reports.filter((report) => report.startsWith('info: healing'));
  assert.equal(told.length, 2, told.join('\n'));
  assert.match(told[0]!, /begins: .*: 1$/);
  assert.match(told[1]!, /ends: 1 healed, 1\.1 MiB in \d+\.\d s$/);
});

test('a copy said to be bad that verifies counts again and is not written', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files);
  await mark(host, segment, 'b', 'damaged');
  host.node('b'.repeat(16)).store.log.length = 0;
  await run(new Healer(host));
  assert.deepEqual(host.states(segment), ['a good', 'b good']);
  assert.ok(!host.node('b'.repeat(16)).store.log.some(({ operation }) => operation === 'put'));
  assert.deepEqual(host.reports, []);
});

test('two copies damaged in different records heal each other; what cannot be healed stays as it is, parked', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files);
  const [a, b] = host.all;
  const whole = Buffer.from(fileBytes(a!, segment));
  const name = segmentFileName(segment);
  a!.store.damage('segments', name, 100_000);
  b!.store.damage('segments', name, 900_000);
  await mark(host, segment, 'a', 'damaged');
  await mark(host, segment, 'b', 'damaged');
  const healer = new Healer(host);
  await run(healer);
  assert.ok(fileBytes(a!, segment).equals(whole) && fileBytes(b!, segment).equals(whole));
  for (const node of host.all) {
    node.store.damage('segments', name, 500_000);
    await mark(host, segment, node.label.slice(-1), 'damaged');
  }
  healer.lookAgain();
  await run(healer);
  const { parked, queuedSegments } = healer.status();
  assert.deepEqual([parked.length, queuedSegments], [1, 1]);
  assert.equal(host.holders(segment).length, 2, 'nothing was taken away');
  assert.equal(host.reports.filter((report) => report.startsWith('warning')).length, 1);
  a!.store.damage('segments', name, 500_000); // The same bit: whole again.
  await host.clock.advance(31_000);
  await run(healer);
  assert.deepEqual(host.states(segment), ['a good', 'b good']);
});

test('a source that turns out bad is noted, and healed too', async (t) => {
  const host = await openHost(t, { replicas: 3 });
  const segment = await host.save(...files);
  host.all[0]!.store.damage('segments', segmentFileName(segment), 100_000);
  host.all[2]!.store.lose('segments', segmentFileName(segment));
  await mark(host, segment, 'c', 'missing');
  const healer = new Healer(host);
  await run(healer);
  healer.lookAgain();
  await run(healer);
  const [a, b, c] = host.all.map((node) => fileBytes(node, segment));
  assert.ok(a!.equals(b!) && b!.equals(c!));
  assert.deepEqual(host.states(segment), ['a good', 'b good', 'c good']);
});

test('nothing is copied before the grace is over; after it the lost node is forgotten for the segment', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(...files);
  const [gone] = host.holders(segment);
  const other = host.all.find((node) => !host.holders(segment).includes(node))!;
  gone!.leave(host.clock.now());
  const healer = new Healer(host);
  assert.equal(await run(healer), 0);
  assert.equal(healer.status().startsInMs, 1_000);
  await host.clock.advance(1_001);
  await run(healer);
  assert.ok(host.holders(segment).includes(other));
  const nodes = host.reader.segment(segment)!.replicas.map(({ node }) => node);
  assert.ok(nodes.includes(other.id) && !nodes.includes(gone!.id) && nodes.length === 2);
  assert.equal(healer.status().startsInMs, null);
});

test('a good copy on a node within its grace is not given up when another copy moves', async (t) => {
  const host = await openHost(t, { letters: 'abcd', replicas: 3, safety: { healGraceMs: 1_000_000 } });
  const segment = await host.save(...files);
  const [away, full, good] = host.holders(segment);
  away!.leave(host.clock.now());
  full!.state = 'full';
  await mark(host, segment, full!.label.slice(-1), 'damaged');
  await run(new Healer(host));
  const nodes = host.reader.segment(segment)!.replicas.map(({ node }) => node);
  assert.ok(nodes.includes(away!.id) && nodes.includes(good!.id) && !nodes.includes(full!.id));
  assert.equal(nodes.length, 3);
});

test('segments that must wait do not keep others from being healed, and the fewest copies come first', async (t) => {
  const host = await openHost(t, { replicas: 2 });
  const lost: string[] = [];
  for (let count = 0; count < 70; count += 1)
    lost.push(await host.save({ name: `lost-${count}`, bytes: 100, seed: count }));
  const healable = await host.save({ name: 'healable', bytes: MiB, seed: 1_000 });
  for (const segment of lost) {
    for (const node of host.holders(segment)) {
      node.store.lose('segments', segmentFileName(segment));
      await mark(host, segment, node.label.slice(-1), 'missing');
    }
  }
  const [bad] = host.holders(healable);
  bad!.store.lose('segments', segmentFileName(healable));
  await mark(host, healable, bad!.label.slice(-1), 'missing');
  const healer = new Healer(host);
  await run(healer);
  assert.deepEqual(new Set(host.states(healable).map((state) => state.slice(2))), new Set(['good']));
  assert.equal(healer.status().parked.length, 70);
});

test('a segment that another worker has is left alone', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files);
  host.all[0]!.store.lose('segments', segmentFileName(segment));
  await mark(host, segment, 'a', 'missing');
  const release = host.occupy(segment)!;
  const healer = new Healer(host);
  await run(healer);
  assert.deepEqual(host.states(segment), ['a missing', 'b good']);
  assert.equal(healer.status().queuedSegments, 1);
  release();
  healer.lookAgain();
  await run(healer);
  assert.deepEqual(host.states(segment), ['a good', 'b good']);
});

test('a segment that lacks several copies gets all of them in one go, those with fewer first', async (t) => {
  const host = await openHost(t, { letters: 'abcd' });
  const segment = await host.save(files[0]!);
  const other = await host.save(files[1]!);
  await host.operations({ o: 'want', segment, replicas: 4 }, { o: 'want', segment: other, replicas: 3 });
  await run(new Healer(host));
  assert.deepEqual(host.states(segment), ['a good', 'b good', 'c good', 'd good']);
  assert.equal(host.states(other).length, 3);
});
