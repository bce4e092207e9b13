import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DriveError, hasCode } from '../../src/core/errors.js';
import { testSafety } from '../../src/core/safety-parameters.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import { orderCandidates } from '../../src/store/read/read-candidates.js';
import { hedgeDelayMs } from '../../src/store/read/replica-race.js';
import { SegmentReader } from '../../src/store/read/segment-reader.js';
import type { BadCopy, ChunkToStore, ReadTarget } from '../../src/store/store-types.js';
import { chunkOf, type Fixture, MiB, openFixture, TestNode } from './store-fixture.js';

interface Reading extends Fixture {
  readonly reader: SegmentReader;
  readonly found: BadCopy[];
  readonly chunk: ChunkToStore;
  readonly target: ReadTarget;
  /** In the order in which they will be asked. */
  readonly asked: TestNode[];
  /** Damages, shortens or loses the copy of a node. */
  copy(node: TestNode): { damage(at: number): void; shorten(): void; lose(): void };
}

async function openReading({ letters = 'ab', copies = 2, lengthBytes = MiB, cacheBytes = 0 } = {}): Promise<Reading> {
  const fixture = await openFixture({ letters, copies });
  const chunk = chunkOf(lengthBytes, 1);
  const [appended] = await fixture.store.append([chunk], { lane: 'bulk' });
  await fixture.store.sealAll();
  const found: BadCopy[] = [];
  const { nodes, clock } = fixture;
  const reader = new SegmentReader({
    nodes: () => nodes,
    safety: testSafety,
    clock,
    cacheBytes,
    onBadCopy: (copy) => found.push(copy),
  });
  const { place } = appended!;
  const target = { place, nodes: appended!.nodes };
  const order = orderCandidates(target.nodes, nodes, `${place.segment}/${place.offset}`).nodes;
  const name = segmentFileName(place.segment);
  for (const { store } of nodes) store.log.length = 0;
  return Object.assign(fixture, {
    reader,
    found,
    chunk,
    target,
    asked: order.map(({ id }) => nodes.find((node) => node.id === id)!),
    copy: ({ store }: TestNode) => ({
      damage: (at: number) => store.damage('segments', name, place.offset + at),
      shorten: () => store.shorten('segments', name, place.offset + 100),
      lose: () => store.lose('segments', name),
    }),
  });
}

async function end({ store, nodes }: Fixture): Promise<void> {
  for (const node of nodes) node.store.wake();
  await store.close();
  for (const node of nodes) node.store.assertSound();
}

const readsOf = (node: TestNode) => node.store.log.filter((e) => e.operation === 'read' && e.phase === 'start');

test('any range of a chunk comes back right, with and without cache', async () => {
  for (const cacheBytes of [0, 300_000]) {
    const reading = await openReading({ lengthBytes: 200_001, cacheBytes });
    const { reader, target, chunk } = reading;
    await fc.assert(
      fc.asyncProperty(fc.nat(chunk.plain.length), fc.nat(chunk.plain.length), async (a, b) => {
        const [start, finish] = [Math.min(a, b), Math.max(a, b)];
        assert.ok((await reader.read(target, start, finish)).equals(chunk.plain.subarray(start, finish)));
      }),
      { numRuns: 200 },
    );
    assert.equal(reading.clock.pending, 0, 'no timer stays behind');
    assert.deepEqual(reader.counters, { failovers: 0, checksumErrors: 0, hedges: 0 });
    await end(reading);
  }
});

test('a short range reads head and block only, the next one only its block, a cached one nothing', async () => {
  const reading = await openReading({ cacheBytes: MiB });
  const { reader, target, asked } = reading;
  await reader.read(target, 500_000, 500_100);
  const sizes = () => readsOf(asked[0]!).map(({ lengthBytes }) => lengthBytes);
  assert.deepEqual(sizes(), [80 + 16 * 8, 64 * 1024]);
  await reader.read(target, 900_000, 900_100);
  assert.deepEqual(sizes().slice(2), [64 * 1024]);
  await reader.read(target, 500_050, 500_060);
  assert.equal(sizes().length, 3);
  await end(reading);
});

test('the start of a chunk, and most of a chunk, cost one read', async () => {
  const reading = await openReading();
  const { reader, target, asked } = reading;
  await reader.read(target, 0, 100);
  await reader.read(target, 100, MiB);
  const sizes = readsOf(asked[0]!).map(({ lengthBytes }) => lengthBytes);
  assert.deepEqual(sizes, [80 + 16 * 8 + 64 * 1024, target.place.recordBytes]);
  await end(reading);
});

for (const [what, problem] of [
  ['damage', 'damaged'],
  ['shorten', 'short'],
  ['lose', 'missing'],
] as const) {
  test(`a copy that is ${problem} is passed over, reported once, and counted`, async () => {
    const reading = await openReading();
    const { reader, target, chunk, asked, found } = reading;
    reading.copy(asked[0]!)[what](70_000);
    assert.ok((await reader.read(target, 0, MiB)).equals(chunk.plain));
    assert.deepEqual(found, [{ segment: target.place.segment, node: asked[0]!.id, problem }]);
    assert.deepEqual(reader.counters, { failovers: 1, checksumErrors: problem === 'missing' ? 0 : 1, hedges: 0 });
    await end(reading);
  });
}

test('damage is found wherever a bit flips, and never served', async () => {
  const reading = await openReading({ lengthBytes: 70_000 });
  const { reader, target, chunk, asked, copy } = reading;
  await fc.assert(
    fc.asyncProperty(fc.nat(target.place.recordBytes - 1), async (at) => {
      copy(asked[0]!).damage(at);
      assert.ok((await reader.read(target, 0, 70_000)).equals(chunk.plain));
      copy(asked[0]!).damage(at);
    }),
    { numRuns: 100 },
  );
  // Every eighth read asks the other copy first: no copy rots unseen because the order never chooses it.
  assert.equal(reader.counters.checksumErrors, 100 - 12);
  await end(reading);
});

test('DAMAGED when every copy is bad, with what was wrong for each node', async () => {
  const reading = await openReading({ letters: 'abc', copies: 3 });
  const { reader, target, asked, found } = reading;
  reading.copy(asked[0]!).damage(5000);
  reading.copy(asked[1]!).lose();
  asked[2]!.store.plan({ operation: 'read', effect: 'NODE_IO' });
  await assert.rejects(reader.read(target, 0, 6000), (error) => {
    assert.ok(error instanceof DriveError && error.code === 'DAMAGED');
    const copies = error.details.copies as { node: string; problem: string }[];
    assert.deepEqual(
      copies.map(({ node, problem }) => [node, problem]),
      [
        [asked[0]!.id, 'damaged'],
        [asked[1]!.id, 'missing'],
        [asked[2]!.id, 'io'],
      ],
    );
    return true;
  });
  assert.equal(found.length, 3);
  await end(reading);
});

test('UNAVAILABLE while a copy is only out of reach, DAMAGED when its node was given up', async () => {
  const reading = await openReading();
  const { reader, target, nodes, asked, found } = reading;
  for (const node of nodes) node.state = 'offline';
  await assert.rejects(reader.read(target, 0, 10), (error) => hasCode(error, 'UNAVAILABLE'));
  asked[1]!.state = 'online';
  reading.copy(asked[1]!).lose();
  await assert.rejects(reader.read(target, 0, 10), (error) => hasCode(error, 'UNAVAILABLE'));
  asked[0]!.state = 'retired';
  await assert.rejects(reader.read(target, 0, 10), (error) => hasCode(error, 'DAMAGED'));
  asked[1]!.store.plan({ operation: 'read', effect: 'NODE_GONE' });
  await assert.rejects(reader.read(target, 0, 10), (error) => hasCode(error, 'UNAVAILABLE'));
  assert.ok(
    found.every(({ problem }) => problem === 'missing'),
    'an unreachable node says nothing about its copy',
  );
  await end(reading);
});

test('a slow replica is hedged: the first verified answer wins, and the loser harms nobody', async () => {
  const reading = await openReading();
  const { reader, target, chunk, asked, clock } = reading;
  asked[0]!.store.plan({ operation: 'read', effect: 'hang' });
  const bytes = reader.read(target, 0, MiB);
  await clock.advance(hedgeDelayMs(asked[0]!, testSafety.readDeadlineMs) - 1);
  assert.equal(readsOf(asked[1]!).length, 0);
  await clock.advance(1);
  assert.ok((await bytes).equals(chunk.plain));
  assert.deepEqual(reader.counters, { failovers: 0, checksumErrors: 0, hedges: 1 });
  asked[0]!.store.wake();
  await clock.advance(testSafety.readDeadlineMs);
  assert.deepEqual(reading.found, []);
  assert.equal(clock.pending, 0, 'no timer stays behind');
  await end(reading);
});

test('a hedge that brings damage does not win over the slow good copy', async () => {
  const reading = await openReading();
  const { reader, target, chunk, asked, clock, found } = reading;
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  asked[0]!.store.delay = () => gate;
  reading.copy(asked[1]!).damage(3000);
  const bytes = reader.read(target, 0, MiB);
  await clock.advance(hedgeDelayMs(asked[0]!, testSafety.readDeadlineMs));
  open();
  assert.ok((await bytes).equals(chunk.plain));
  assert.deepEqual(found, [{ segment: target.place.segment, node: asked[1]!.id, problem: 'damaged' }]);
  await end(reading);
});

test('when all replicas hang the read ends at its deadline with UNAVAILABLE, or at once when cancelled', async () => {
  const reading = await openReading();
  const { reader, target, nodes, clock } = reading;
  for (const { store } of nodes)
    store.plan({ operation: 'read', effect: 'hang' }, { operation: 'read', effect: 'hang' });
  const failed = assert.rejects(reader.read(target, 0, MiB), (error) => hasCode(error, 'UNAVAILABLE'));
  await clock.advance(2 * testSafety.readDeadlineMs);
  await failed;
  const abort = new AbortController();
  const cancelled = reader.read(target, 0, MiB, { signal: abort.signal });
  await clock.advance(hedgeDelayMs(nodes[0]!, testSafety.readDeadlineMs));
  abort.abort();
  await assert.rejects(cancelled, (error) => hasCode(error, 'ABORTED'));
  await assert.rejects(reader.read(target, 0, 1, { signal: abort.signal }), (error) => hasCode(error, 'ABORTED'));
  await end(reading);
});

test('replicas are asked by state, then latency, and equal ones are spread by chunk', () => {
  const nodes = [...'abcdef'].map((letter) => new TestNode(letter));
  const [a, b, c, d, e, f] = nodes;
  a!.state = 'suspect';
  b!.state = 'returning';
  c!.state = 'read-only';
  d!.latencyMs = 20;
  f!.state = 'offline';
  const ids = nodes.map(({ id }) => id);
  const { nodes: order, absent } = orderCandidates([...ids, 'unknown'], nodes, 'key');
  assert.deepEqual(order, [e, d, c, b, a]);
  assert.deepEqual(
    absent.map(({ node, problem }) => [node, problem]),
    [
      [f!.id, 'unreachable'],
      ['unknown', 'retired'],
    ],
  );
  const equal = [new TestNode('a'), new TestNode('b'), new TestNode('c')];
  const firsts = Array.from({ length: 300 }, (_, index) => {
    const key = `0123456789abcdef-00000001/${index * 1_048_784}`;
    const first = orderCandidates(
      equal.map(({ id }) => id),
      equal,
      key,
    ).nodes[0]!.id;
    assert.equal(orderCandidates(equal.map(({ id }) => id).reverse(), equal.toReversed(), key).nodes[0]!.id, first);
    return first;
  });
  for (const { id } of equal) assert.ok(firsts.filter((first) => first === id).length > 50, id);
});

test('a read whose first replica is on a node that is away counts as a failover', () => {
  const nodes = [...'ab'].map((letter) => new TestNode(letter));
  const ids = nodes.map(({ id }) => id);
  const firstId = orderCandidates(ids, nodes, 'key').nodes[0]!.id;
  const first = nodes.find(({ id }) => id === firstId)!;
  const second = nodes.find(({ id }) => id !== firstId)!;
  assert.equal(orderCandidates(ids, nodes, 'key').isFirstAway, false);
  second.state = 'offline';
  assert.equal(orderCandidates(ids, nodes, 'key').isFirstAway, false);
  second.state = 'online';
  first.state = 'offline';
  assert.equal(orderCandidates(ids, nodes, 'key').isFirstAway, true);
});
