import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/core/errors.js';
import { testSafety } from '../../src/core/safety-parameters.js';
import { decodeSegmentHeader } from '../../src/segment/segment-header.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import { scanSegment } from '../../src/segment/segment-scan.js';
import type { AppendedChunk } from '../../src/store/store-types.js';
import { appendOne, assertHeld, turns, writesOf } from './store-actions.js';
import {
  chunkOf,
  endFixture,
  fileBytes,
  firstEpoch,
  MiB,
  nodeOf,
  openFixture,
  sha256,
  until,
} from './store-fixture.js';

const small = { lane: 'small' } as const;
const bulk = { lane: 'bulk' } as const;

test('a chunk lies on as many nodes as copies are wanted, and is durable only after sync', async () => {
  const fixture = await openFixture();
  const appended = await appendOne(fixture, 1000, 1);
  assert.equal(new Set(appended.nodes).size, 2);
  assert.match(appended.place.segment, new RegExp(`^${firstEpoch}-00000001$`));
  assertHeld(fixture, appended);
  assert.deepEqual(fixture.store.durableNodes(appended.place), []);
  const [synced] = await fixture.store.sync([appended.place.segment]);
  assert.deepEqual([...synced!.durable].sort(), [...appended.nodes].sort());
  assert.deepEqual(synced!.failed, []);
  assert.deepEqual(fixture.store.durableNodes(appended.place).sort(), [...appended.nodes].sort());
  const next = await appendOne(fixture, 1000, 2);
  assert.equal(next.place.offset, appended.place.offset + appended.place.recordBytes);
  assert.deepEqual(fixture.store.durableNodes(next.place), [], 'the sync came before it');
  const header = fileBytes(nodeOf(fixture, appended.nodes[0]), appended.place.segment);
  decodeSegmentHeader(header, { volume: '0123456789abcdef', segment: appended.place.segment });
  await endFixture(fixture);
});

test('chunks that wait for the same segment go out in one write, in order and without gaps', async () => {
  const fixture = await openFixture();
  const all = Array.from({ length: 200 }, (_, index) => chunkOf(500 + index, index));
  const results = await Promise.all(all.map((chunk) => fixture.store.append([chunk], small)));
  assert.equal(writesOf(fixture).length, 2, 'one write on each of two nodes');
  let offset = 64;
  for (const [index, [appended]] of results.entries()) {
    assert.equal(appended!.place.chunk, all[index]!.id);
    assert.equal(appended!.place.offset, offset);
    offset += appended!.place.recordBytes;
    assertHeld(fixture, appended!);
  }
  await endFixture(fixture);
});

test('bulk chunks rotate over three segments on different node sets, small ones share one', async () => {
  const fixture = await openFixture();
  const appended = await fixture.store.append(
    Array.from({ length: 6 }, (_, index) => chunkOf(MiB, index)),
    bulk,
  );
  const sets = new Map(appended.map(({ place, nodes }) => [place.segment, [...nodes].sort().join()]));
  assert.equal(sets.size, 3);
  assert.equal(new Set(sets.values()).size, 3);
  const smallOnes = await fixture.store.append([chunkOf(10, 7), chunkOf(10, 8)], small);
  assert.equal(smallOnes[0]!.place.segment, smallOnes[1]!.place.segment);
  assert.ok(!sets.has(smallOnes[0]!.place.segment));
  await endFixture(fixture);
});

test('with as many nodes as copies, bulk chunks share one segment', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const appended = await fixture.store.append([chunkOf(MiB, 1), chunkOf(MiB, 2), chunkOf(MiB, 3)], bulk);
  assert.equal(new Set(appended.map(({ place }) => place.segment)).size, 1);
  await endFixture(fixture);
});

test('a full segment is sealed: footer, same bytes and hash on each node, inside its limit', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const first = await appendOne(fixture, MiB, 1);
  for (let seed = 2; seed <= 4; seed += 1) await appendOne(fixture, MiB, seed);
  await until(() => fixture.sealed.length === 1);
  const [sealed] = fixture.sealed;
  assert.equal(sealed!.segment, first.place.segment);
  assert.deepEqual(
    [...sealed!.nodes].sort(),
    fixture.nodes.map(({ id }) => id),
  );
  assert.ok(sealed!.lengthBytes <= testSafety.segmentLimitBytes);
  for (const node of fixture.nodes) {
    const bytes = fileBytes(node, first.place.segment);
    assert.equal(bytes.length, sealed!.lengthBytes);
    assert.equal(sha256(bytes), sealed!.hash);
    assert.equal(node.store.durableBytesOf('segments', segmentFileName(first.place.segment)), bytes.length);
  }
  const records = [];
  const bytes = fileBytes(fixture.nodes[0]!, first.place.segment);
  const read = async (position: number, length: number) => bytes.subarray(position, position + length);
  const { segment } = first.place;
  for await (const item of scanSegment({ segment, sizeBytes: bytes.length, read, verifyPayload: false }))
    records.push(item);
  assert.deepEqual(records.at(-1), { kind: 'end', offset: bytes.length, rest: 'clean' });
  assert.equal(records.length, 4, 'three records and the end');
  assert.equal(fixture.store.durableNodes(first.place).length, 2, 'remembered after the seal');
  assert.deepEqual((await fixture.store.sync([first.place.segment]))[0]!.durable.length, 2, 'nothing left to sync');
  assert.deepEqual(fixture.badCopies, []);
  await endFixture(fixture);
});

test('a new epoch begins new segments, counted from 1', async () => {
  const fixture = await openFixture();
  const before = await appendOne(fixture, 100, 1);
  fixture.epoch = 'f'.repeat(16);
  const after = await appendOne(fixture, 100, 2);
  assert.equal(before.place.segment, `${firstEpoch}-00000001`);
  assert.equal(after.place.segment, `${'f'.repeat(16)}-00000001`);
  await until(() => fixture.sealed.length === 1);
  await endFixture(fixture);
});

test('sealAll seals what holds data, and reports and pins are told', async () => {
  const fixture = await openFixture();
  const appended = await appendOne(fixture, 1000, 1);
  const { segment } = appended.place;
  const [open] = fixture.store.openSegments();
  assert.deepEqual(
    { ...open, nodes: undefined },
    {
      segment,
      lane: 'small',
      wanted: 2,
      nodes: undefined,
      lengthBytes: appended.place.offset + appended.place.recordBytes,
      durableBytes: 0,
      sealing: false,
    },
  );
  await fixture.store.sealAll();
  assert.deepEqual(fixture.store.openSegments(), []);
  assert.equal(fixture.sealed.length, 1);
  fixture.store.pin(segment);
  fixture.store.pin(segment);
  fixture.store.unpin(segment);
  assert.deepEqual(fixture.store.pinned(), [segment]);
  fixture.store.unpin(segment);
  assert.ok(!fixture.store.isPinned(segment));
  await endFixture(fixture);
});

test('a cancelled append and a closed store say so', async () => {
  const fixture = await openFixture();
  const aborted = fixture.store.append([chunkOf(10, 1)], { lane: 'small', signal: AbortSignal.abort() });
  await assert.rejects(aborted, (error) => hasCode(error, 'ABORTED'));
  await fixture.store.close();
  await fixture.store.close();
  for (const call of [
    () => fixture.store.append([chunkOf(10, 1)], small),
    () => fixture.store.sync([]),
    () => fixture.store.sealAll(),
  ]) {
    await assert.rejects(call(), (error) => hasCode(error, 'CLOSED'));
  }
});

test('a sync that begins after an append is covered by an fsync that began after it', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const first = await appendOne(fixture, 1000, 1);
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  for (const { store } of fixture.nodes) store.delay = () => gate;
  const early = fixture.store.sync([first.place.segment]);
  for (const { store } of fixture.nodes) store.delay = async () => undefined;
  const second = await appendOne(fixture, 1000, 2);
  const late = [fixture.store.sync([first.place.segment]), fixture.store.sync([first.place.segment])];
  open();
  await early;
  await Promise.all(late);
  assert.equal(fixture.store.durableNodes(second.place).length, 2);
  const syncs = fixture.nodes.map(
    ({ store }) => store.log.filter((e) => e.operation === 'sync' && e.phase === 'start').length,
  );
  assert.deepEqual(syncs, [2, 2], 'the two late calls share one fsync');
  await endFixture(fixture);
});

test('whatever the interleaving, a durable claim is backed by an fsync that began after the write', async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('append' as const),
      bytes: fc.integer({ min: 1, max: 400_000 }),
      bulk: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('sync' as const) }),
    fc.record({ kind: fc.constant('epoch' as const) }),
    fc.record({ kind: fc.constant('leave' as const), node: fc.nat(3) }),
    fc.record({ kind: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 30 }) }),
  );
  const fault = fc.record({
    node: fc.nat(3),
    operation: fc.constantFrom('create' as const, 'write' as const, 'sync' as const),
    effect: fc.constantFrom('NODE_IO' as const, 'NODE_FULL' as const, 'torn' as const),
    after: fc.nat(4),
  });
  const hops = fc.infiniteStream(fc.nat(4));
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.array(fault, { maxLength: 3 }),
      hops,
      async (steps, faults, hop) => {
        const fixture = await openFixture({ letters: 'abcd' });
        for (const { node, ...planned } of faults) fixture.nodes[node]!.store.plan(planned);
        for (const { store } of fixture.nodes) {
          store.delay = () => turns(hop.next().value!);
        }
        const appended: AppendedChunk[] = [];
        const running: Promise<void>[] = [];
        const check = () => {
          for (const { place } of appended) {
            for (const id of fixture.store.durableNodes(place)) {
              const file = segmentFileName(place.segment);
              const durable = nodeOf(fixture, id).store.durableBytesOf('segments', file);
              assert.ok(durable >= place.offset + place.recordBytes, `${file} of ${id}: ${durable}`);
            }
          }
        };
        const syncAll = async () => {
          const before = [...appended];
          const synced = await fixture.store.sync([...new Set(before.map(({ place }) => place.segment))]);
          const durable = new Map(synced.map((one) => [one.segment, one.durable]));
          for (const { place } of before) {
            for (const id of durable.get(place.segment)!) {
              const bytes = nodeOf(fixture, id).store.durableBytesOf('segments', segmentFileName(place.segment));
              assert.ok(bytes >= place.offset + place.recordBytes, 'what sync said is so');
            }
          }
          check();
        };
        for (const [seed, action] of steps.entries()) {
          if (action.kind === 'append') {
            const options = { lane: action.bulk ? ('bulk' as const) : ('small' as const) };
            const append = async () => {
              appended.push(...(await fixture.store.append([chunkOf(action.bytes, seed)], options)));
            };
            running.push(append().catch((error) => assert.ok(hasCode(error, 'UNAVAILABLE', 'OUT_OF_SPACE'))));
          } else if (action.kind === 'sync') running.push(syncAll());
          else if (action.kind === 'epoch') fixture.epoch = seed.toString(16).padStart(16, '0');
          else if (action.kind === 'leave') fixture.store.nodeLeft(fixture.nodes[action.node]!.id);
          else await turns(action.count);
          check();
        }
        await Promise.all(running);
        for (const chunk of appended) assertHeld(fixture, chunk);
        await syncAll();
        await fixture.store.sealAll();
        for (const { segment, lengthBytes, hash, nodes } of fixture.sealed) {
          if (hash === null) continue;
          for (const id of nodes) {
            assert.equal(sha256(fileBytes(nodeOf(fixture, id), segment).subarray(0, lengthBytes)), hash);
          }
        }
        await fixture.store.close();
        for (const { store } of fixture.nodes) assert.deepEqual(store.violations, []);
      },
    ),
    { numRuns: 60 },
  );
});
