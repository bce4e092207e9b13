/** What every NodeStore that can append promises (node/node-store.ts). */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type ErrorCode, hasCode } from '../../src/core/errors.js';
import type { NodeStore } from '../../src/node/node-store.js';

/** Opens a store on an empty node, closed after the test; `again` opens the same node anew, as a later process would. */
export interface NodeStoreUnderTest {
  readonly store: NodeStore;
  readonly again: () => Promise<NodeStore>;
}

const withCode = (code: ErrorCode) => (error: unknown) => hasCode(error, code);
const text = (value: string) => Buffer.from(value);

async function readText(store: NodeStore, folder: 'segments' | 'journal' | 'attic', name: string): Promise<string> {
  return (await store.read(folder, name, 0, 1000)).toString();
}

async function written(store: NodeStore, name: string, content: string): Promise<void> {
  await store.create('segments', name);
  await store.write('segments', name, 0, [text(content)]);
  await store.sync('segments', name);
}

export function nodeStoreSuite(title: string, open: (context: TestContext) => Promise<NodeStoreUnderTest>): void {
  describe(title, () => {
    describe('writing', () => writingSuite(open));
    describe('whole files', () => wholeFilesSuite(open));
    describe('life of the store', () => lifeSuite(open));
  });
}

function writingSuite(open: (context: TestContext) => Promise<NodeStoreUnderTest>): void {
  it('gives back what was written at each position, before and after sync and finish', async (context) => {
    const { store, again } = await open(context);
    await store.create('segments', 'a.seg');
    await store.write('segments', 'a.seg', 0, [text('ab'), text('cd')]);
    assert.equal(await readText(store, 'segments', 'a.seg'), 'abcd');
    await store.write('segments', 'a.seg', 4, [text('ef')]);
    await store.sync('segments', 'a.seg');
    await store.finish('segments', 'a.seg');
    assert.equal((await store.read('segments', 'a.seg', 1, 3)).toString(), 'bcd');
    assert.equal(await readText(await again(), 'segments', 'a.seg'), 'abcdef');
  });

  it('reads short only at the end of the file', async (context) => {
    const { store } = await open(context);
    await written(store, 'a.seg', 'abcdef');
    assert.equal((await store.read('segments', 'a.seg', 4, 100)).toString(), 'ef');
    assert.equal((await store.read('segments', 'a.seg', 6, 100)).length, 0);
    assert.equal((await store.read('segments', 'a.seg', 60, 100)).length, 0);
  });

  it('never makes a file over another one', async (context) => {
    const { store, again } = await open(context);
    await written(store, 'a.seg', 'first');
    await assert.rejects(store.create('segments', 'a.seg'), withCode('EXISTS'));
    await assert.rejects((await again()).create('segments', 'a.seg'), withCode('EXISTS'));
    assert.equal(await readText(store, 'segments', 'a.seg'), 'first');
  });

  it('writes only to files that this opening made and has not finished', async (context) => {
    const { store, again } = await open(context);
    await written(store, 'a.seg', 'abc');
    const later = await again();
    await assert.rejects(later.write('segments', 'a.seg', 3, [text('d')]), withCode('CLOSED'));
    await store.finish('segments', 'a.seg');
    await store.finish('segments', 'a.seg');
    await assert.rejects(store.write('segments', 'a.seg', 3, [text('d')]), withCode('CLOSED'));
    await assert.rejects(store.sync('segments', 'a.seg'), withCode('CLOSED'));
    assert.equal(await readText(store, 'segments', 'a.seg'), 'abc');
  });

  it('keeps the same name in two folders apart', async (context) => {
    const { store } = await open(context);
    await store.create('segments', 'same');
    await store.create('journal', 'same');
    await store.write('journal', 'same', 0, [text('j')]);
    assert.equal(await readText(store, 'segments', 'same'), '');
    assert.equal(await readText(store, 'journal', 'same'), 'j');
  });

  it('says FILE_MISSING for a file that is not there', async (context) => {
    const { store } = await open(context);
    await assert.rejects(store.read('segments', 'none', 0, 1), withCode('FILE_MISSING'));
    await assert.rejects(store.cut('segments', 'none', 0), withCode('FILE_MISSING'));
    await assert.rejects(store.move('segments', 'none', 'attic', 'none'), withCode('FILE_MISSING'));
    await assert.rejects(store.remove('attic', 'none'), withCode('FILE_MISSING'));
  });

  it('refuses names that would lead elsewhere', async (context) => {
    const { store } = await open(context);
    for (const name of ['', '.', '..', '../a', 'a/b', '.hidden', 'a.tmp', 'a\0b', 'a b', 'x'.repeat(300)]) {
      await assert.rejects(store.create('segments', name), withCode('INTERNAL'), name);
    }
    assert.deepEqual(await store.list('segments'), []);
  });
}

function wholeFilesSuite(open: (context: TestContext) => Promise<NodeStoreUnderTest>): void {
  it('lists files with their sizes, per folder', async (context) => {
    const { store } = await open(context);
    assert.deepEqual(await store.list('segments'), []);
    await written(store, 'a.seg', 'abc');
    await written(store, 'b.seg', '');
    const files = [...(await store.list('segments'))].sort((a, b) => a.name.localeCompare(b.name));
    assert.deepEqual(files, [
      { name: 'a.seg', sizeBytes: 3 },
      { name: 'b.seg', sizeBytes: 0 },
    ]);
    assert.deepEqual(await store.list('journal'), []);
  });

  it('puts a whole file, replacing the one before, also for those who read it', async (context) => {
    const { store } = await open(context);
    await store.put('checkpoints', 'c', [text('one')]);
    assert.equal((await store.read('checkpoints', 'c', 0, 9)).toString(), 'one');
    await store.put(
      'checkpoints',
      'c',
      (async function* () {
        yield text('tw');
        yield text('o');
      })(),
    );
    assert.equal((await store.read('checkpoints', 'c', 0, 9)).toString(), 'two');
    assert.deepEqual(await store.list('checkpoints'), [{ name: 'c', sizeBytes: 3 }]);
  });

  it('keeps the file before when the content of a put fails, and lists nothing half written', async (context) => {
    const { store } = await open(context);
    await store.put('checkpoints', 'c', [text('one')]);
    const failing = (async function* () {
      yield text('half');
      throw new Error('the source failed');
    })();
    await assert.rejects(store.put('checkpoints', 'c', failing), /the source failed/);
    assert.equal((await store.read('checkpoints', 'c', 0, 9)).toString(), 'one');
    assert.deepEqual(await store.list('checkpoints'), [{ name: 'c', sizeBytes: 3 }]);
    await store.probe();
    await store.put('checkpoints', 'c', [text('three')]);
    assert.equal((await store.read('checkpoints', 'c', 0, 9)).toString(), 'three');
  });

  it('cuts a finished file, and refuses to lengthen it', async (context) => {
    const { store } = await open(context);
    await written(store, 'a.seg', 'abcdef');
    await store.finish('segments', 'a.seg');
    assert.equal(await readText(store, 'segments', 'a.seg'), 'abcdef');
    await store.cut('segments', 'a.seg', 4);
    assert.equal(await readText(store, 'segments', 'a.seg'), 'abcd');
    await store.cut('segments', 'a.seg', 4);
    await assert.rejects(store.cut('segments', 'a.seg', 5), withCode('CORRUPT'));
    assert.equal(await readText(store, 'segments', 'a.seg'), 'abcd');
  });

  it('moves a file to the attic and back, never over another one', async (context) => {
    const { store } = await open(context);
    await written(store, 'a.seg', 'abc');
    await store.finish('segments', 'a.seg');
    await readText(store, 'segments', 'a.seg');
    await store.move('segments', 'a.seg', 'attic', '1.a.seg');
    await assert.rejects(store.read('segments', 'a.seg', 0, 1), withCode('FILE_MISSING'));
    assert.equal(await readText(store, 'attic', '1.a.seg'), 'abc');
    await written(store, 'a.seg', 'new');
    await assert.rejects(store.move('attic', '1.a.seg', 'segments', 'a.seg'), withCode('EXISTS'));
    assert.equal(await readText(store, 'segments', 'a.seg'), 'new');
    await store.move('attic', '1.a.seg', 'segments', 'b.seg');
    assert.equal(await readText(store, 'segments', 'b.seg'), 'abc');
  });

  it('unlinks from the attic only', async (context) => {
    const { store } = await open(context);
    await written(store, 'a.seg', 'abc');
    await store.finish('segments', 'a.seg');
    await assert.rejects(store.remove('segments' as 'attic', 'a.seg'), withCode('INTERNAL'));
    await store.move('segments', 'a.seg', 'attic', 'a.seg');
    await store.remove('attic', 'a.seg');
    assert.deepEqual(await store.list('attic'), []);
  });
}

function lifeSuite(open: (context: TestContext) => Promise<NodeStoreUnderTest>): void {
  it('reports space when probed and can be looked at', async (context) => {
    const { store } = await open(context);
    const space = await store.probe();
    assert.ok(space.totalBytes >= space.freeBytes && space.freeBytes > 0 && space.freeInodes > 0);
    await store.probe();
    await store.look();
  });

  it('finishes files being written when released, and goes on reading', async (context) => {
    const { store } = await open(context);
    await written(store, 'a.seg', 'abc');
    await store.release();
    await assert.rejects(store.write('segments', 'a.seg', 3, [text('d')]), withCode('CLOSED'));
    assert.equal(await readText(store, 'segments', 'a.seg'), 'abc');
    await store.release();
    await written(store, 'b.seg', 'new files can be made');
  });

  it('serves reads that were on their way when it is released', async (context) => {
    const { store } = await open(context);
    await written(store, 'a.seg', 'abc');
    const reads = Array.from({ length: 20 }, () => readText(store, 'segments', 'a.seg'));
    await Promise.all([store.release(), ...reads]);
    assert.ok((await Promise.all(reads)).every((content) => content === 'abc'));
  });

  it('refuses everything with CLOSED once closed, and closes twice', async (context) => {
    const { store } = await open(context);
    await store.create('segments', 'a.seg');
    await store.close();
    await store.close();
    const calls: (() => Promise<unknown>)[] = [
      () => store.create('segments', 'x'),
      () => store.write('segments', 'a.seg', 0, [text('x')]),
      () => store.sync('segments', 'a.seg'),
      () => store.finish('segments', 'a.seg'),
      () => store.read('segments', 'a.seg', 0, 1),
      () => store.list('segments'),
      () => store.cut('segments', 'a.seg', 0),
      () => store.put('segments', 'x', []),
      () => store.move('segments', 'a.seg', 'attic', 'x'),
      () => store.remove('attic', 'x'),
      () => store.probe(),
      () => store.look(),
    ];
    for (const call of calls) await assert.rejects(call, withCode('CLOSED'), String(call));
  });
}
