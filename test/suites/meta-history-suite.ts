/** The index is disposable: checkpoints and replay give the same state, whatever was done. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { MetaStore } from '../../src/meta/meta-store.js';
import { decodeOperations } from '../../src/meta/operation-codec.js';
import {
  type Ask,
  checkpointOf,
  chunksOf,
  epoch,
  firstNode,
  type IndexDriver,
  path,
  secondNode,
  staged,
  submitting,
  withCode,
} from './index-driver.js';
import type { Begin, MetaStoreUnderTest } from './meta-store-suite.js';

/** Few names, so that requests meet each other's entries. */
const anyPath = fc
  .array(fc.constantFrom('a', 'b', 'B', 'e\u0301', '\u00e9'), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'));
const anyToken = fc.constantFrom('urn:1', 'urn:2', 'urn:3');
const anyConditions = fc.option(
  anyToken.map((token) => submitting(token)),
  { nil: undefined, freq: 2 },
);
const two = fc.record({ path: anyPath.map(path), target: anyPath.map(path), conditions: anyConditions });
const one = fc.record({ path: anyPath.map(path), conditions: anyConditions });

const anyAsk: fc.Arbitrary<Ask> = fc.oneof(
  { weight: 6, arbitrary: one.map((base): Ask => ({ kind: 'make-folder', ...base })) },
  {
    weight: 6,
    arbitrary: fc
      .record({ base: one, text: fc.string({ maxLength: 12 }), modified: fc.option(fc.integer(), { nil: undefined }) })
      .map(({ base, text, modified }): Ask => ({ kind: 'put', ...base, content: staged(ascii(text), 4), modified })),
  },
  { weight: 3, arbitrary: one.map((base): Ask => ({ kind: 'delete', ...base })) },
  {
    weight: 4,
    arbitrary: fc
      .record({ base: two, overwrite: fc.boolean(), locksFollow: fc.boolean() })
      .map(({ base, ...more }): Ask => ({ kind: 'move', ...base, ...more })),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({ base: two, overwrite: fc.boolean(), depth: fc.constantFrom(0 as const, 'infinity' as const) })
      .map(({ base, ...more }): Ask => ({ kind: 'copy', ...base, ...more })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ base: one, name: fc.constantFrom('p', 'q'), value: fc.option(fc.string()), created: fc.integer() })
      .map(({ base, name, value, created }): Ask => {
        return { kind: 'set-properties', ...base, changes: [{ namespace: 'n', name, value }], times: { created } };
      }),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        base: one,
        token: anyToken,
        scope: fc.constantFrom('exclusive' as const, 'shared' as const),
        depth: fc.constantFrom(0 as const, 'infinity' as const),
        timeoutMs: fc.constantFrom(1_500, 1_000_000),
      })
      .map(({ base, ...more }): Ask => ({ kind: 'lock', ...base, owner: 'me', ...more })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ base: one, replicas: fc.constantFrom(null, 1, 3) })
      .map(({ base, replicas }): Ask => ({ kind: 'protect', ...base, replicas })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ base: one, token: anyToken })
      .map(({ base, token }): Ask => ({ kind: 'unlock', ...base, token })),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        name: fc.constantFrom('ana', 'ben', '?'),
        rights: fc.constantFrom('read' as const, 'write' as const, undefined),
        credentials: fc.constantFrom('one', 'two', null, undefined),
        only: fc.constantFrom('new' as const, 'present' as const),
      })
      .map((user): Ask => ({ kind: 'set-user', ...user })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ limit: fc.integer({ min: 1, max: 5 }), before: fc.constantFrom(0, 5, 1_000) })
      .map(({ limit, before }): Ask => ({ kind: 'prune', limit, before, pinned: [3] })),
  },
);
const ascii = (text: string): string => text.replace(/[^ -~]/g, '?');

export function historySuite(begin: Begin, open: MetaStoreUnderTest['open'], propertyRuns: number): void {
  const rebuilt = async (driver: IndexDriver, context: Parameters<typeof open>[0]) => {
    const { bytes, tip } = await driver.checkpoint();
    const store = await open(context);
    context.after(() => store.close());
    await load(store, bytes, tip);
    await store.writer.addPlaces(driver.places);
    return { store, bytes, tip };
  };

  it('gives the same checkpoint, counts and places after a checkpoint was read back', async (context) => {
    const driver = await begin(context);
    await someOfEverything(driver);
    const { store, bytes, tip } = await rebuilt(driver, context);
    const again = await checkpointOf(store);
    assert.equal(again.bytes.toString(), bytes.toString());
    assert.deepEqual(again.tip, tip);
    assert.deepEqual(store.reader.tip(), driver.store.reader.tip());
    assert.deepEqual(store.reader.counts(), driver.store.reader.counts());
    assert.deepEqual(store.reader.epochs(), driver.store.reader.epochs());
    assert.deepEqual(store.reader.nodes(), driver.store.reader.nodes());
    assert.deepEqual(store.reader.segments('', 10), driver.store.reader.segments('', 10));
    const entry = driver.lookup('d/f')!;
    assert.deepEqual(store.reader.lookup(path('d/f')), entry);
    assert.deepEqual(
      store.reader.contentChunks(entry.content!, 0, 10),
      driver.store.reader.contentChunks(entry.content!, 0, 10),
    );
    assert.deepEqual(await store.check(), []);
  });

  it('reads a checkpoint in parts of any size', async (context) => {
    const driver = await begin(context);
    await someOfEverything(driver);
    const { bytes, tip } = await driver.checkpoint();
    const store = await open(context);
    context.after(() => store.close());
    for (let at = 0; at < bytes.length; at += 7) {
      await store.writer.loadCheckpoint({ operations: bytes.subarray(at, at + 7) });
    }
    await store.writer.loadCheckpoint({ finish: tip });
    assert.equal((await checkpointOf(store)).bytes.toString(), bytes.toString());
  });

  it('leaves nothing of a checkpoint that is cut short or damaged', async (context) => {
    const driver = await begin(context);
    await driver.put('f');
    const { bytes, tip } = await driver.checkpoint();
    const store = await open(context);
    context.after(() => store.close());
    await store.writer.loadCheckpoint({ operations: bytes.subarray(0, bytes.length - 3) });
    await assert.rejects(store.writer.loadCheckpoint({ finish: tip }), withCode('CORRUPT'));
    await assert.rejects(store.writer.loadCheckpoint({ operations: Buffer.from('{"o":\n') }), withCode('CORRUPT'));
    assert.equal(store.reader.volume(), undefined);
    assert.equal(store.reader.tip(), undefined);
    await load(store, bytes, tip);
    assert.ok(store.reader.lookup(['f']));
  });

  it('fixes the state of a checkpoint when it is asked for', async (context) => {
    const driver = await begin(context);
    await driver.put('early');
    const stream = driver.store.writer.checkpoint();
    const { tip } = driver;
    await driver.put('late');
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part);
    assert.deepEqual(stream.tip, tip);
    const text = Buffer.concat(parts).toString();
    assert.ok(text.includes('early') && !text.includes('late'));
  });

  it('goes on from a checkpoint by replay', async (context) => {
    const driver = await begin(context);
    await someOfEverything(driver);
    const { store, tip } = await rebuilt(driver, context);
    await driver.put('after', 'the checkpoint');
    await driver.delete('d');
    await driver.prune();
    const batches = driver.journaled.filter((batch) => batch.sequence > tip.sequence);
    await store.writer.replay({ batches, places: driver.places });
    assert.equal((await checkpointOf(store)).bytes.toString(), (await driver.checkpoint()).bytes.toString());
    assert.deepEqual(await store.check(), []);
    await assert.rejects(store.writer.replay({ batches, places: [] }), withCode('CORRUPT'));
  });

  it('replays all or nothing', async (context) => {
    const driver = await begin(context);
    await driver.makeFolder('d');
    const store = await open(context);
    context.after(() => store.close());
    const last = driver.journaled.at(-1)!;
    const wrong = { ...last, operations: Buffer.from('{"o":"end","id":99,"time":0}\n') };
    const batches = [...driver.journaled.slice(0, -1), wrong];
    await assert.rejects(store.writer.replay({ batches, places: [] }), withCode('CORRUPT'));
    assert.equal(store.reader.tip(), undefined);
    await store.writer.replay({ batches: driver.journaled, places: [] });
    assert.deepEqual(store.reader.tip(), driver.tip);
  });

  it('takes back all parts of a replay when one of them fails', async (context) => {
    const driver = await begin(context);
    await driver.put('f', 'text');
    const store = await open(context);
    context.after(() => store.close());
    const [first, ...others] = driver.journaled;
    const wrong = { ...others.at(-1)!, operations: Buffer.from('{"o":"end","id":99,"time":0}\n') };
    await store.writer.replay({ batches: [first!], places: [], goesOn: true });
    const batches = [...others.slice(0, -1), wrong];
    await assert.rejects(store.writer.replay({ batches, places: [], goesOn: true }), withCode('CORRUPT'));
    assert.equal(store.reader.tip(), undefined);
    await store.writer.replay({ batches: driver.journaled, places: driver.places });
    assert.deepEqual(store.reader.tip(), driver.tip);
    assert.deepEqual(await store.check(), []);
  });

  it('believes places while a replay goes on only before the end of sealed segments', async (context) => {
    const driver = await begin(context);
    await driver.put('f', 'text');
    const store = await open(context);
    context.after(() => store.close());
    const [place] = driver.places;
    await store.writer.replay({ batches: driver.journaled, places: [place!], goesOn: true });
    const known = driver.journaled.length;
    await driver.seal();
    const sealing = driver.journaled.slice(known);
    await store.writer.replay({ batches: sealing, places: [{ ...place!, offset: place!.offset + 1 }], goesOn: true });
    await store.writer.replay({ batches: [], places: [] });
    assert.deepEqual(store.reader.chunksWithoutPlace(10), [place!.chunk]);
    await driver.put('g', 'other text');
    const rest = driver.journaled.slice(known + sealing.length);
    await store.writer.replay({ batches: rest, places: [place!], goesOn: true });
    await store.writer.replay({ batches: [], places: [] });
    assert.deepEqual(store.reader.chunkPlace(place!.chunk)?.place, place);
    assert.equal(store.reader.chunksWithoutPlace(10).length, 1);
  });

  it('retires nothing while the place of a living chunk is not known: it may lie there', async (context) => {
    const driver = await begin(context);
    await driver.put('f', 'text');
    const segment = await driver.seal();
    const store = await open(context);
    context.after(() => store.close());
    await store.writer.replay({ batches: driver.journaled, places: [] });
    const request = { kind: 'retire', principal: '', now: driver.now, segments: [segment], pinned: [] } as const;
    const input = { sequence: driver.tip.sequence + 1, requests: [request], data: [] };
    assert.equal(store.reader.segment(segment)?.liveBytes, 0);
    const { operations } = await store.writer.prepare(input);
    await store.writer.abort();
    assert.equal(operations.length, 0);
  });

  it('lists the chunks whose place is not known, until a scan finds them', async (context) => {
    const driver = await begin(context);
    await driver.put('f', 'text');
    const store = await open(context);
    context.after(() => store.close());
    await store.writer.replay({ batches: driver.journaled, places: [] });
    const ids = chunksOf('text').map(([id]) => id);
    assert.deepEqual(store.reader.chunksWithoutPlace(10), ids);
    const [chunk] = store.reader.contentChunks(store.reader.lookup(['f'])!.content!, 0, 1);
    assert.deepEqual(chunk, { chunk: ids[0], plainBytes: 4, place: null, replicas: [] });
    assert.equal(store.reader.chunkPlace(ids[0]!), undefined);
    assert.match((await store.check()).join(), /its place is not known/);
    const unknown = { ...driver.places[0]!, chunk: 'f'.repeat(64) };
    const foreign = { ...driver.places[0]!, segment: 'ffffffffffffffff-00000001' };
    // Such as a crash leaves: its head was written, and no batch ever named it.
    const beyond = { ...unknown, offset: 1_000_000 };
    // Each copy of a segment may tell the same places.
    await store.writer.addPlaces([foreign, unknown, beyond, ...driver.places, ...driver.places]);
    assert.deepEqual(store.reader.chunksWithoutPlace(10), []);
    const { segment } = driver.places[0]!;
    assert.equal(store.reader.segment(segment)?.lengthBytes, driver.store.reader.segment(segment)?.lengthBytes);
    assert.equal((await checkpointOf(store)).bytes.toString(), (await driver.checkpoint()).bytes.toString());
    assert.deepEqual(await store.check(), []);
  });

  it('is the same live, replayed and read back, after any requests, and always sound', async (context) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyAsk, { minLength: 1, maxLength: 4 }), { maxLength: 25 }),
        async (batches) => {
          const driver = await begin({ ...context, after: () => undefined } as unknown as typeof context);
          const replayed = await open(context);
          const loaded = await open(context);
          const parted = await open(context);
          try {
            for (const batch of batches) await driver.batch(batch);
            const live = await driver.checkpoint();
            assert.deepEqual(await driver.store.check(), []);
            await replayed.writer.replay({ batches: driver.journaled, places: driver.places });
            assert.equal((await checkpointOf(replayed)).bytes.toString(), live.bytes.toString());
            assert.deepEqual(await replayed.check(), []);
            const { places } = driver;
            for (const one of driver.journaled) await parted.writer.replay({ batches: [one], places, goesOn: true });
            await parted.writer.replay({ batches: [], places });
            assert.equal((await checkpointOf(parted)).bytes.toString(), live.bytes.toString());
            assert.deepEqual(await parted.check(), []);
            await load(loaded, live.bytes, live.tip);
            await loaded.writer.addPlaces(driver.places);
            assert.equal((await checkpointOf(loaded)).bytes.toString(), live.bytes.toString());
            assert.deepEqual(await loaded.check(), []);
            // An open segment reaches to its last chunk that is known: what was pruned behind it is found by no scan.
            const { storedBytes: _, ...counts } = driver.store.reader.counts();
            for (const store of [replayed, loaded, parted]) {
              const { storedBytes: __, ...others } = store.reader.counts();
              assert.deepEqual(others, counts);
            }
          } finally {
            for (const store of [driver.store, replayed, loaded, parted]) await store.close();
          }
        },
      ),
      { numRuns: propertyRuns },
    );
  });
}

async function load(
  store: MetaStore,
  bytes: Buffer,
  tip: Awaited<ReturnType<typeof checkpointOf>>['tip'],
): Promise<void> {
  await store.writer.loadCheckpoint({ operations: bytes });
  await store.writer.loadCheckpoint({ finish: tip });
}

/** Leaves at least one of each kind of row: ended ones, an unfinished upload, an expired lock, a retired segment too. */
async function someOfEverything(driver: IndexDriver): Promise<void> {
  await driver.makeFolder('d');
  await driver.put('d/f', 'x'.repeat(3_000));
  await driver.put('gone');
  const dead = await driver.seal();
  await driver.put('d/f', 'y'.repeat(3_000));
  await driver.delete('gone');
  await driver.prune();
  await driver.submit({ kind: 'retire', segments: [dead], pinned: [] });
  await driver.put('again', 'once');
  const sealed = await driver.seal();
  await driver.operations([{ o: 'seal', segment: sealed, length: 9_999, hash: 'a'.repeat(64) }]);
  await driver.operations([{ o: 'relocate', segment: sealed, nodes: [secondNode, firstNode] }]);
  await driver.put('again', 'twice');
  await driver.makeFolder('ended');
  await driver.put('ended/below');
  await driver.delete('ended');
  const changes = [{ namespace: 'n', name: 'p', value: '<p>\u00e9\n"</p>' }];
  await driver.submit({ kind: 'set-properties', path: [], changes, times: { created: 1, modified: 2 } });
  await driver.submit({ kind: 'copy', path: ['d'], target: ['copy'], overwrite: false, depth: 'infinity' });
  await driver.lock('d', { depth: 0, timeoutMs: 1 });
  await driver.lock('new');
  await driver.submit({ kind: 'set-user', only: 'new', name: 'ben', rights: 'read', credentials: 'word' });
  const { content } = await driver.submit({ kind: 'reserve-content' });
  await driver.operations([{ o: 'chunks', content: content!, first: 0, chunks: chunksOf('upload') }]);
  const members = [firstNode];
  const { sequence, hash } = driver.tip;
  const next = { id: '00000000000000e2', parent: epoch, lastSequence: sequence, lastHash: hash, members };
  await driver.operations([{ o: 'epoch', ...next, time: 5, supersedes: ['00000000000000e9'] }]);
  assert.ok([...decodeOperations((await driver.checkpoint()).bytes)].length > 30);
}
