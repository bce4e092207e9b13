import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attic } from '../../../src/maintenance/deletion/attic.js';
import { DeletionGate } from '../../../src/maintenance/deletion/deletion-gate.js';
import { ListingCheck } from '../../../src/maintenance/deletion/listing-check.js';
import { Mover } from '../../../src/maintenance/moving/mover.js';
import { segmentFileName } from '../../../src/segment/segment-id.js';
import { fileBytes } from '../../store/store-fixture.js';
import { type HostFixture, type HostNode, openHost } from '../host-fixture.js';

const { signal } = new AbortController();

function moverFor(host: HostFixture, isHealing = () => false): { mover: Mover; givenUp: Set<string> } {
  const givenUp = new Set<string>();
  return { mover: new Mover(host, { isHealing, onGivenUp: (node) => givenUp.add(node) }), givenUp };
}

async function run(mover: Mover): Promise<void> {
  for (let steps = 0; ; steps += 1) {
    assert.ok(steps < 500, 'it comes to an end');
    if ((await mover.step(signal)) === 'idle') return;
  }
}

async function saveMany(host: HostFixture, count: number, firstSeed = 0): Promise<string[]> {
  const saved: string[] = [];
  for (let seed = firstSeed; seed < firstSeed + count; seed += 1)
    saved.push(await host.save({ name: `file-${seed}`, bytes: 100_000, seed }));
  return saved;
}

const nodesOf = (host: HostFixture, segment: string) => host.reader.segment(segment)!.replicas.map(({ node }) => node);
const usedBytes = (host: HostFixture, { id }: HostNode) => host.reader.nodes().find((row) => row.id === id)!.usedBytes;

test('a node that is being emptied is left by every copy, byte for byte, and what lies there goes to the attic', async (t) => {
  const host = await openHost(t, { letters: 'abc' });
  const segments = await saveMany(host, 6);
  const [first, ...others] = host.all;
  const before = new Map(
    segments.map((segment) => [segment, Buffer.from(fileBytes(host.holders(segment)[0]!, segment))]),
  );
  first!.role = 'draining';
  const { mover, givenUp } = moverFor(host);
  assert.ok(mover.status().draining[0]!.leftBytes > 0);
  await run(mover);
  for (const segment of segments) {
    assert.deepEqual(nodesOf(host, segment).sort(), others.map(({ id }) => id).sort());
    for (const node of others) assert.ok(fileBytes(node, segment).equals(before.get(segment)!));
  }
  assert.deepEqual(mover.status().draining, [{ node: first!.id, leftBytes: 0 }]);
  assert.deepEqual([...givenUp], [first!.id]);
  const listings = new ListingCheck(host, new DeletionGate(host, new Attic(host)));
  await listings.clearUnreferred(first!);
  assert.deepEqual(first!.store.names('segments'), []);
  assert.ok(first!.store.names('attic').length > 0, 'moved, not unlinked');
});

test('with enough copies elsewhere nothing is copied', async (t) => {
  const host = await openHost(t, { letters: 'ab', replicas: 2 });
  const segment = await host.save({ name: 'file', bytes: 100_000, seed: 1 });
  await host.operations({ o: 'volume', id: '0123456789abcdef', name: 'home', replicas: 1, created: 1 });
  host.all[1]!.role = 'draining';
  const { mover } = moverFor(host);
  await run(mover);
  assert.deepEqual(nodesOf(host, segment), [host.all[0]!.id]);
  assert.equal(mover.status().copiedBytes, 0);
});

test('what has no other place stays, and is told; with room it moves', async (t) => {
  const host = await openHost(t, { letters: 'abc' });
  host.all[2]!.state = 'offline';
  const [segment] = await saveMany(host, 1);
  host.all[0]!.role = 'draining';
  const { mover } = moverFor(host);
  await run(mover);
  assert.equal(mover.status().stuckSegments, 1);
  assert.ok(nodesOf(host, segment!).includes(host.all[0]!.id));
  host.all[2]!.state = 'online';
  await host.clock.advance(10_001);
  await run(mover);
  assert.ok(!nodesOf(host, segment!).includes(host.all[0]!.id));
  assert.equal(mover.status().stuckSegments, 0);
});

test('a copy that does not verify is not spread: another source gives the bytes, or it stays, parked', async (t) => {
  const host = await openHost(t, { letters: 'abc' });
  const [segment] = await saveMany(host, 1);
  const [from, other] = host.holders(segment!);
  const whole = Buffer.from(fileBytes(other!, segment!));
  const name = segmentFileName(segment!);
  from!.role = 'draining';
  for (const node of [from!, other!]) node.store.damage('segments', name, 50_000);
  const { mover } = moverFor(host);
  await run(mover);
  assert.equal(mover.status().parked.length, 1);
  assert.equal(host.holders(segment!).length, 2);
  assert.ok(nodesOf(host, segment!).includes(from!.id), 'nothing was given up');
  other!.store.damage('segments', name, 50_000); // The same bit: whole again.
  await host.meta.writer.setReplicaStates([{ segment: segment!, node: other!.id, state: 'good' }]);
  await host.meta.writer.setReplicaStates([{ segment: segment!, node: from!.id, state: 'good' }]);
  await host.clock.advance(31_000);
  await run(mover);
  const third = host.all.find((node) => node !== from && node !== other)!;
  assert.ok(fileBytes(third, segment!).equals(whole));
});

test('rebalancing brings a new node its share, stops by itself, and the dry run says how much that is', async (t) => {
  const host = await openHost(t, { letters: 'abc', safety: { segmentLimitBytes: 128 * 1024 } });
  host.all[2]!.state = 'offline';
  const segments = await saveMany(host, 60);
  host.all[2]!.state = 'online';
  host.all[2]!.since = 0;
  const { mover } = moverFor(host);
  await run(mover);
  assert.equal(usedBytes(host, host.all[2]!), 0, 'not before it is asked for');
  const plan = await mover.plan({ kind: 'rebalance' });
  const share = (2 * segments.length) / 3;
  assert.ok(plan.moves.length <= share * 1.05 + 1 && plan.moves.length >= share * 0.85 - 1, `${plan.moves.length}`);
  mover.startRebalance();
  await run(mover);
  const { isRebalancing, movedSegments, copiedBytes } = mover.status();
  assert.deepEqual([isRebalancing, movedSegments, copiedBytes], [false, plan.moves.length, plan.copyBytes]);
  for (const segment of segments) assert.equal(nodesOf(host, segment).length, 2);
  assert.equal((await mover.plan({ kind: 'rebalance' })).moves.length, 0);
});

test('nothing moves while copies are being healed, nor a segment that another worker has', async (t) => {
  const host = await openHost(t, { letters: 'abc' });
  const [segment] = await saveMany(host, 1);
  const [from] = host.holders(segment!);
  from!.role = 'draining';
  let healing = true;
  const { mover } = moverFor(host, () => healing);
  await run(mover);
  assert.ok(nodesOf(host, segment!).includes(from!.id));
  healing = false;
  const release = host.occupy(segment!)!;
  await run(mover);
  assert.ok(nodesOf(host, segment!).includes(from!.id));
  release();
  await host.clock.advance(10_001);
  await run(mover);
  assert.ok(!nodesOf(host, segment!).includes(from!.id));
});
