/** Numbers of copies: settings of folders, and what segments want. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decodeOperations } from '../../src/meta/operation-codec.js';
import {
  checkpointOf,
  firstNode,
  type IndexDriver,
  path,
  secondNode,
  staged,
  thirdNode,
  withCode,
} from './index-driver.js';
import type { Begin, MetaStoreUnderTest } from './meta-store-suite.js';

export const protect = (driver: IndexDriver, folder: string, replicas: number | null) =>
  driver.submit({ kind: 'protect', path: path(folder), replicas });

export function protectionSuite(begin: Begin, open: MetaStoreUnderTest['open']): void {
  settings(begin);
  segments(begin, open);
}

function settings(begin: Begin): void {
  it('takes the setting of the nearest folder, and none where none is', async (context) => {
    const driver = await begin(context);
    for (const folder of ['a', 'a/b', 'a/b/c', 'other']) await driver.makeFolder(folder);
    const { reader } = driver.store;
    assert.equal(reader.hasProtection(), false);
    assert.equal((await protect(driver, 'a', 3)).needsChanged, true);
    assert.equal((await protect(driver, 'a/b', 1)).needsChanged, true);
    const at = (target: string) => reader.copiesAt(path(target));
    assert.deepEqual(['', 'other/x', 'a', 'a/x', 'a/b/x', 'a/b/c/x', 'a/new/x'].map(at), [null, null, 3, 3, 1, 1, 3]);
    assert.equal((await protect(driver, 'a', 3)).needsChanged, false);
    await protect(driver, 'a/b', null);
    assert.deepEqual(['a/b/x', 'a/b/c/x'].map(at), [3, 3]);
    await protect(driver, '', 4);
    assert.deepEqual(['x', 'a/x'].map(at), [4, 3]);
    assert.deepEqual(reader.protections(), [
      { path: [], replicas: 4 },
      { path: ['a'], replicas: 3 },
    ]);
  });

  it('refuses what is no number of copies, no folder, or not there', async (context) => {
    const driver = await begin(context);
    await driver.put('file');
    for (const replicas of [0, 10, 1.5, -1, Number.NaN]) {
      await assert.rejects(protect(driver, '', replicas), withCode('BAD_REQUEST'));
    }
    await assert.rejects(protect(driver, 'file', 2), withCode('NOT_FOLDER'));
    await assert.rejects(protect(driver, 'nothing', 2), withCode('NOT_FOUND'));
  });

  it('keeps the setting with the folder that moves, does not copy it, and forgets it with the folder', async (context) => {
    const driver = await begin(context);
    await driver.makeFolder('a');
    await driver.makeFolder('b');
    await protect(driver, 'a', 3);
    const { reader } = driver.store;
    await driver.submit({ kind: 'copy', path: ['a'], target: ['c'], overwrite: false, depth: 'infinity' });
    assert.equal(reader.copiesAt(['c', 'x']), null);
    await driver.submit({ kind: 'move', path: ['a'], target: ['b', 'a'], overwrite: false, locksFollow: false });
    assert.deepEqual(reader.protections(), [{ path: ['b', 'a'], replicas: 3 }]);
    await driver.delete('b');
    assert.deepEqual(reader.protections(), []);
    await driver.prune();
    assert.equal(reader.hasProtection(), false);
  });

  it('tells when files come under another setting', async (context) => {
    const driver = await begin(context);
    for (const folder of ['a', 'a/in', 'b']) await driver.makeFolder(folder);
    await driver.put('a/x');
    const move = async (from: string, to: string) =>
      (await driver.submit({ kind: 'move', path: path(from), target: path(to), overwrite: false, locksFollow: false }))
        .needsChanged ?? false;
    assert.equal(await move('a/x', 'b/x'), false);
    await protect(driver, 'a', 3);
    const put = async (target: string, copies: number) => (await driver.put(target, target, { copies })).needsChanged;
    assert.deepEqual([await put('a/y', 3), await put('b/y', 2)], [undefined, undefined]);
    assert.deepEqual([await put('a/y', 2), await put('b/y', 3)], [true, true]);
    assert.equal(await move('b/x', 'a/x'), true);
    assert.equal(await move('a/x', 'a/in/x'), false);
    assert.equal(await move('a/in/x', 'b/x'), true);
  });
}

function segments(begin: Begin, open: MetaStoreUnderTest['open']): void {
  it('notes what a new segment wants, once', async (context) => {
    const driver = await begin(context);
    const { reader } = driver.store;
    driver.wanted = 1;
    await driver.put('x');
    assert.equal(reader.segment(driver.segment)?.wanted, 1);
    await driver.operations([{ o: 'want', segment: driver.segment, replicas: 3 }]);
    await driver.put('y');
    assert.equal(reader.segment(driver.segment)?.wanted, 3, 'what was changed since stays');
    await driver.operations([{ o: 'want', segment: driver.segment, replicas: null }]);
    assert.deepEqual([reader.segment(driver.segment)?.wanted, reader.hasProtection()], [2, false]);
    driver.wanted = 2;
    await driver.seal();
    await driver.put('z');
    assert.equal(reader.segment(driver.segment)?.ownWanted, null, 'as many as the volume is no number of its own');
  });

  it('counts as degraded what has fewer copies than it wants itself', async (context) => {
    const driver = await begin(context);
    const { reader } = driver.store;
    const segmentOf = async (wanted: number, nodes: string[]) => {
      driver.wanted = wanted;
      await driver.put(`wants ${wanted}`);
      const segment = await driver.seal();
      await driver.operations([{ o: 'relocate', segment, nodes }]);
      return segment;
    };
    const once = await segmentOf(1, [firstNode]);
    const twice = await segmentOf(2, [firstNode, secondNode]);
    const thrice = await segmentOf(3, [firstNode, secondNode]);
    const degraded = (...absent: string[]) => reader.degraded({ wanted: 2, absent, limit: 9 }).map(({ id }) => id);
    assert.deepEqual(degraded(), [thrice]);
    assert.deepEqual(degraded(firstNode), [once, twice, thrice]);
    assert.deepEqual(degraded(secondNode), [twice, thrice]);
  });

  it('gives settings and numbers of copies back from a checkpoint and from the journal', async (context) => {
    const driver = await begin(context);
    await driver.makeFolder('a');
    await protect(driver, 'a', 3);
    driver.wanted = 3;
    await driver.put('a/x');
    await driver.seal();
    const { bytes, tip } = await driver.checkpoint();
    const kinds = [...decodeOperations(bytes)].map(({ o }) => o);
    assert.ok(kinds.includes('protect') && kinds.includes('want'));
    const loaded = await open(context);
    context.after(() => loaded.close());
    await loaded.writer.loadCheckpoint({ operations: bytes });
    await loaded.writer.loadCheckpoint({ finish: tip });
    const replayed = await open(context);
    context.after(() => replayed.close());
    await replayed.writer.replay({ batches: driver.journaled, places: driver.places });
    for (const store of [loaded, replayed]) {
      assert.equal(store.reader.copiesAt(['a', 'x']), 3);
      assert.equal(store.reader.segments('', 1)[0]?.wanted, 3);
      assert.deepEqual((await checkpointOf(store)).bytes, bytes);
    }
  });

  it('reads a chunk from the segment that it was written to instead, whatever the index believes of the other', async (context) => {
    const driver = await begin(context);
    const { writer, reader } = driver.store;
    await driver.put('f', 'text');
    const source = await driver.seal();
    const [old] = reader.segmentChunks(source, -1, 1);
    const write = async (sequence: number, instead: string | undefined) => {
      const request = { kind: 'put', path: ['f'], content: staged('text'), principal: '', now: 1 } as const;
      const data = [{ id: driver.segment, nodes: [thirdNode], wanted: 1 }];
      await writer.prepare({ sequence, requests: [request], data });
      await writer.commit({ batch: null, places: [{ ...old!, segment: driver.segment, instead }], data: [] });
      return reader.chunkPlace(old!.chunk)?.place.segment;
    };
    assert.equal(await write(100, undefined), source);
    assert.equal(await write(101, driver.segment), source, 'it lies elsewhere by now');
    assert.equal(await write(102, source), driver.segment);
  });
}
