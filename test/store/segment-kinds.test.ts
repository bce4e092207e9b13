/** Segments for different numbers of copies lie apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSafety } from '../../src/core/safety-parameters.js';
import { nodeLimits } from '../../src/store/capacity.js';
import { appendOne, assertHeld } from './store-actions.js';
import { chunkOf, endFixture, type Fixture, MiB, openFixture, until } from './store-fixture.js';

const append = async ({ store }: Fixture, wanted: number | undefined, seed: number) => {
  const [appended] = await store.append([chunkOf(1_000, seed)], { lane: 'small', wanted });
  return appended!;
};

test('each chunk lies on as many nodes as are wanted, in a segment of others that want as many', async () => {
  const fixture = await openFixture({ letters: 'abcd' });
  const first = [await append(fixture, 1, 1), await append(fixture, 3, 2), await append(fixture, undefined, 3)];
  const again = [await append(fixture, 1, 4), await append(fixture, 3, 5), await append(fixture, 2, 6)];
  for (const chunk of [...first, ...again]) assertHeld(fixture, chunk);
  assert.deepEqual(
    first.map(({ nodes, wanted }) => [nodes.length, wanted]),
    [
      [1, 1],
      [3, 3],
      [2, 2],
    ],
  );
  assert.deepEqual(
    again.map(({ place }) => place.segment),
    first.map(({ place }) => place.segment),
  );
  assert.equal(new Set(first.map(({ place }) => place.segment)).size, 3);
  await fixture.store.sealAll();
  assert.deepEqual(fixture.sealed.map(({ nodes, wanted }) => [nodes.length, wanted]).sort(), [
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
  await endFixture(fixture);
});

test('fewer nodes than copies: as many as there are', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  assert.equal((await append(fixture, 3, 1)).nodes.length, 2);
  fixture.nodes[0]!.state = 'offline';
  assert.equal((await append(fixture, 3, 2)).nodes.length, 1);
  await endFixture(fixture);
});

test('a chunk that is wanted once is written to another node when the first fails', async () => {
  const fixture = await openFixture();
  const before = await append(fixture, 1, 1);
  const holder = fixture.nodes.find(({ id }) => id === before.nodes[0])!;
  holder.store.plan({ operation: 'write', effect: 'NODE_IO' });
  const after = await append(fixture, 1, 2);
  assert.equal(after.nodes.length, 1);
  assert.notEqual(after.nodes[0], holder.id);
  await endFixture(fixture);
});

test('room that is promised to segments with another number of copies is no reason to refuse', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const totalBytes = 256 * MiB;
  const { segmentBytes, reserveBytes } = nodeLimits(testSafety, [totalBytes]);
  for (const node of fixture.nodes)
    node.space = { freeBytes: reserveBytes + segmentBytes + 1, totalBytes, freeInodes: 1_000 };
  const twice = await append(fixture, 2, 1);
  const once = await append(fixture, 1, 2);
  assert.deepEqual([twice.nodes.length, once.nodes.length], [2, 1]);
  await until(() => fixture.sealed.length === 1);
  assert.equal(fixture.sealed[0]!.segment, twice.place.segment);
  await endFixture(fixture);
});

test('a segment that is asked for by name is sealed, and takes nothing more', async () => {
  const fixture = await openFixture();
  const first = await appendOne(fixture, 1_000, 1);
  fixture.store.seal(first.place.segment);
  fixture.store.seal('not there');
  const second = await appendOne(fixture, 1_000, 2);
  assert.notEqual(second.place.segment, first.place.segment);
  await until(() => fixture.sealed.length === 1);
  await endFixture(fixture);
});
