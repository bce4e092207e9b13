import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../src/core/errors.js';
import { testSafety } from '../../src/core/safety-parameters.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import type { AppendedChunk } from '../../src/store/store-types.js';
import { appendOne, assertHeld, turns } from './store-actions.js';
import { chunkOf, endFixture, fileBytes, MiB, nodeOf, openFixture, sha256, until } from './store-fixture.js';

const bulk = { lane: 'bulk' } as const;

for (const operation of ['create', 'write'] as const) {
  for (const effect of ['NODE_IO', 'NODE_GONE', 'NODE_FULL', 'NODE_READ_ONLY'] as const) {
    test(`a node that answers ${effect} to ${operation} costs no copy: the chunk goes to a new segment`, async () => {
      const fixture = await openFixture();
      fixture.nodes[0]!.store.plan({ operation, effect });
      // Rotation brings each node into some segment.
      const appended = await fixture.store.append([chunkOf(MiB, 1), chunkOf(MiB, 2), chunkOf(MiB, 3)], bulk);
      for (const chunk of appended) {
        assert.equal(chunk.nodes.length, 2);
        assertHeld(fixture, chunk);
      }
      await fixture.store.sealAll();
      for (const { segment, nodes, hash, lengthBytes } of fixture.sealed) {
        assert.ok(nodes.length > 0);
        for (const id of nodes) {
          assert.equal(sha256(fileBytes(nodeOf(fixture, id), segment).subarray(0, lengthBytes)), hash);
        }
      }
      assert.deepEqual(fixture.store.openSegments(), []);
      // Where no file could be made nothing was written at all: there is no segment to heal.
      const wanted = operation === 'create' ? [] : [fixture.nodes[0]!.id];
      assert.deepEqual([...new Set(fixture.badCopies.map(({ node }) => node))], wanted);
      await endFixture(fixture);
    });
  }
}

test('a torn write stops the segment: nothing is appended to it again', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const before = await appendOne(fixture, 1000, 1);
  fixture.nodes[0]!.store.plan({ operation: 'write', effect: 'torn' });
  const torn = await appendOne(fixture, 1000, 2);
  assert.deepEqual(torn.nodes, [fixture.nodes[1]!.id], 'one copy while a single node can be written to');
  assert.equal(torn.place.segment, before.place.segment);
  const after = await appendOne(fixture, 1000, 3);
  assert.notEqual(after.place.segment, before.place.segment);
  assert.deepEqual(after.nodes, [fixture.nodes[1]!.id]);
  await fixture.clock.advance(testSafety.probeIntervalMs);
  assert.equal((await appendOne(fixture, 1000, 4)).nodes.length, 2, 'back when a probe has passed');
  await endFixture(fixture);
});

test('what waits behind a failed write goes elsewhere whole, and the segment never holds a gap', async () => {
  const fixture = await openFixture({ letters: 'abc' });
  fixture.nodes[0]!.store.plan({ operation: 'write', effect: 'NODE_IO', after: 1 });
  fixture.nodes[1]!.store.plan({ operation: 'write', effect: 'NODE_IO', after: 1 });
  const results: AppendedChunk[] = [];
  const running = [];
  for (let seed = 0; seed < 40; seed += 1) {
    running.push(appendOne(fixture, 20_000, seed).then((appended) => results.push(appended)));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await Promise.all(running);
  assert.equal(results.length, 40);
  for (const appended of results) assertHeld(fixture, appended);
  await fixture.store.sealAll();
  for (const node of fixture.nodes) node.store.wake();
  await endFixture(fixture);
});

test('a hung node is given up at the deadline and the chunk is written elsewhere', async () => {
  const fixture = await openFixture();
  for (const node of fixture.nodes.slice(0, 1)) node.store.plan({ operation: 'write', effect: 'hang' });
  const appending = fixture.store.append([chunkOf(MiB, 1), chunkOf(MiB, 2), chunkOf(MiB, 3)], bulk);
  await fixture.clock.advance(2 * testSafety.writeDeadlineMs);
  const appended = await appending;
  for (const chunk of appended) {
    assert.equal(chunk.nodes.length, 2);
    assertHeld(fixture, chunk);
  }
  await endFixture(fixture);
});

test('an fsync that hangs fails at the deadline on that node alone', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const appended = await appendOne(fixture, 1000, 1);
  fixture.nodes[0]!.store.plan({ operation: 'sync', effect: 'hang' });
  const syncing = fixture.store.sync([appended.place.segment]);
  await fixture.clock.advance(2 * testSafety.writeDeadlineMs);
  const [synced] = await syncing;
  assert.deepEqual(synced, {
    segment: appended.place.segment,
    durable: [fixture.nodes[1]!.id],
    failed: [fixture.nodes[0]!.id],
  });
  await endFixture(fixture);
});

test('a failed fsync is final: distrusted, never retried, never read back, reported, and the segment ends', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const appended = await appendOne(fixture, 1000, 1);
  await fixture.store.sync([appended.place.segment]);
  const more = await appendOne(fixture, 1000, 2);
  const [bad, good] = fixture.nodes;
  bad!.store.plan({ operation: 'sync', effect: 'NODE_IO' });
  const [synced] = await fixture.store.sync([more.place.segment]);
  assert.deepEqual(synced!.failed, [bad!.id]);
  assert.deepEqual(fixture.store.durableNodes(appended.place), [good!.id]);
  assert.deepEqual((await fixture.store.sync([more.place.segment]))[0]!.failed, [bad!.id]);
  await until(() => fixture.sealed.length === 1);
  assert.deepEqual(fixture.sealed[0]!.nodes, [good!.id]);
  assert.deepEqual(fixture.badCopies, [{ segment: more.place.segment, node: bad!.id, problem: 'io' }]);
  assert.equal(fixture.sealed[0]!.hash, sha256(fileBytes(good!, more.place.segment)));
  assert.notEqual((await appendOne(fixture, 1000, 3)).place.segment, more.place.segment);
  await endFixture(fixture);
});

test('a node that fills up keeps what it took, and does not count for what it did not take', async () => {
  const fixture = await openFixture({ letters: 'abc' });
  const first = await appendOne(fixture, 1000, 1);
  const [full] = first.nodes.map((id) => nodeOf(fixture, id));
  full!.store.plan({ operation: 'write', effect: 'NODE_FULL' });
  const second = await appendOne(fixture, 1000, 2);
  assert.equal(second.nodes.length, 2);
  assert.ok(!second.nodes.includes(full!.id));
  const [synced] = await fixture.store.sync([first.place.segment]);
  assert.deepEqual(synced!.failed, [full!.id], 'it lacks the second record of this segment');
  assert.equal(fixture.store.durableNodes(first.place).length, 2, 'but holds the first durably');
  await until(() => fixture.sealed.length === 1);
  assert.deepEqual(fixture.badCopies, [{ segment: first.place.segment, node: full!.id, problem: 'short' }]);
  await endFixture(fixture);
});

test('when all nodes of a segment fail, what was durable before is sealed with them', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const first = await appendOne(fixture, 1000, 1);
  await fixture.store.sync([first.place.segment]);
  for (const node of fixture.nodes) node.store.plan({ operation: 'write', effect: 'NODE_GONE' });
  await assert.rejects(appendOne(fixture, 1000, 2), (error) => hasCode(error, 'UNAVAILABLE'));
  await until(() => fixture.sealed.length === 1);
  const { lengthBytes, hash, nodes } = fixture.sealed[0]!;
  assert.equal(lengthBytes, first.place.offset + first.place.recordBytes);
  assert.equal(hash, null);
  assert.equal(nodes.length, 2);
  assert.equal(fixture.badCopies.length, 2);
  await endFixture(fixture);
});

test('UNAVAILABLE without a writable node, OUT_OF_SPACE when all are full, one copy only for a single node', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const [a, b] = fixture.nodes;
  a!.state = 'offline';
  assert.equal((await appendOne(fixture, 100, 1)).nodes.length, 1);
  b!.state = 'suspect';
  await assert.rejects(appendOne(fixture, 100, 2), (error) => hasCode(error, 'UNAVAILABLE'));
  a!.state = 'online';
  b!.state = 'full';
  await assert.rejects(appendOne(fixture, 100, 3), (error) => hasCode(error, 'OUT_OF_SPACE'));
  a!.state = 'full';
  await assert.rejects(appendOne(fixture, 100, 4), (error) => hasCode(error, 'OUT_OF_SPACE'));
  a!.state = 'online';
  b!.state = 'online';
  assert.equal((await appendOne(fixture, 100, 5)).nodes.length, 2, 'the segment with one copy is left behind');
  b!.role = 'draining';
  assert.equal((await appendOne(fixture, 100, 6)).nodes.length, 1);
  await endFixture(fixture);
});

test('only the cleaner may use the reserve', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  for (const node of fixture.nodes) node.space = { totalBytes: 100 * MiB, freeBytes: 8 * MiB, freeInodes: 1e6 };
  await assert.rejects(appendOne(fixture, 100, 1), (error) => hasCode(error, 'OUT_OF_SPACE'));
  assert.equal((await appendOne(fixture, 100, 2, 'clean')).nodes.length, 2);
  await endFixture(fixture);
});

test('nodeLeft ends the segments of that node; the others hold all of them', async () => {
  const fixture = await openFixture();
  const appended = await appendOne(fixture, 1000, 1);
  const gone = nodeOf(fixture, appended.nodes[0]);
  gone.state = 'offline';
  fixture.store.nodeLeft(gone.id);
  assert.deepEqual(fixture.store.durableNodes(appended.place), []);
  const next = await appendOne(fixture, 1000, 2);
  assert.notEqual(next.place.segment, appended.place.segment);
  assert.ok(!next.nodes.includes(gone.id));
  await until(() => fixture.sealed.length === 1);
  assert.deepEqual(fixture.sealed[0]!.nodes, [appended.nodes[1]]);
  assert.deepEqual(fixture.badCopies, [{ segment: appended.place.segment, node: gone.id, problem: 'io' }]);
  await endFixture(fixture);
});

test('a node that failed and is well takes new data at once: one copy is not enough because it failed a moment ago', async () => {
  const fixture = await openFixture();
  const appended = await appendOne(fixture, 1000, 1);
  const gone = appended.nodes.map((id) => nodeOf(fixture, id));
  for (const node of gone) {
    node.state = 'offline';
    fixture.store.nodeLeft(node.id);
  }
  assert.equal((await appendOne(fixture, 1000, 2)).nodes.length, 1);
  for (const node of gone) node.state = 'online';
  assert.equal((await appendOne(fixture, 1000, 3)).nodes.length, 1, 'online again is not proof enough');
  for (const node of gone) fixture.store.trust(node.id);
  assert.equal((await appendOne(fixture, 1000, 4)).nodes.length, 2);
  await endFixture(fixture);
});

test('a write that lands after its node left does not count', async () => {
  const fixture = await openFixture();
  const { nodes } = await appendOne(fixture, 1000, 1);
  const leaving = nodeOf(fixture, nodes[0]);
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  leaving.store.delay = () => gate;
  const appending = appendOne(fixture, 1000, 2);
  await turns(3);
  assert.ok(
    leaving.store.log.some(
      ({ operation, phase, position }) => operation === 'write' && phase === 'start' && position > 64,
    ),
  );
  fixture.store.nodeLeft(leaving.id);
  open();
  const appended = await appending;
  assert.equal(appended.nodes.length, 2);
  assert.ok(!appended.nodes.includes(leaving.id));
  await endFixture(fixture);
});

test('a replica that does not verify at sealing is reported, and the hash comes from the other', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const { place } = await appendOne(fixture, MiB, 1);
  const [open] = fixture.store.openSegments();
  const bad = nodeOf(fixture, open!.nodes[0]);
  const good = nodeOf(fixture, open!.nodes[1]);
  bad.store.damage('segments', segmentFileName(place.segment), place.offset + 5000);
  await fixture.store.sealAll();
  const [sealed] = fixture.sealed;
  assert.equal(sealed!.hash, sha256(fileBytes(good, place.segment)));
  assert.equal(sealed!.nodes.length, 2, 'it holds the segment all the same: healing decides');
  assert.deepEqual(fixture.badCopies, [{ segment: place.segment, node: bad.id, problem: 'damaged' }]);
  await endFixture(fixture);
});

test('a segment that no node can read back is sealed without a hash', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const { place } = await appendOne(fixture, 1000, 1);
  for (const node of fixture.nodes) node.store.plan({ operation: 'read', effect: 'NODE_IO' });
  await fixture.store.sealAll();
  assert.equal(fixture.sealed[0]!.segment, place.segment);
  assert.equal(fixture.sealed[0]!.hash, null);
  assert.deepEqual(
    fixture.badCopies.map(({ problem }) => problem),
    ['io', 'io'],
  );
  await endFixture(fixture);
});

test('a segment that was never durable and has no good replica left is forgotten, not sealed', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const { place } = await appendOne(fixture, 1000, 1);
  for (const node of fixture.nodes) node.store.plan({ operation: 'sync', effect: 'NODE_IO' });
  await fixture.store.sealAll();
  assert.deepEqual([fixture.sealed, fixture.badCopies, fixture.store.openSegments()], [[], [], []]);
  assert.deepEqual(fixture.store.durableNodes(place), []);
  await endFixture(fixture);
});
