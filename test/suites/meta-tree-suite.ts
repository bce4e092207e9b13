/** Entries: what requests do to the tree, and what readers see of it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { rootEntry } from '../../src/meta/operations.js';
import { chunksOf, path, staged, withCode } from './index-driver.js';
import type { Begin } from './meta-store-suite.js';

export function treeSuite(begin: Begin): void {
  it('has a root and nothing else at first', async (context) => {
    const driver = await begin(context);
    assert.deepEqual(driver.tree(), []);
    const root = driver.lookup('/')!;
    assert.equal(root.id, rootEntry);
    assert.equal(root.kind, 'folder');
    assert.deepEqual(driver.store.reader.pathOf(rootEntry), []);
  });

  it('creates and replaces a file', async (context) => {
    const driver = await begin(context);
    const first = await driver.put('a.txt', 'one');
    assert.equal(first.created, true);
    assert.equal(first.entry?.sizeBytes, 3);
    assert.match(first.entry!.etag, /^[0-9a-f]{32}$/);
    const second = await driver.put('a.txt', 'longer', { modified: 77 });
    assert.equal(second.created, false);
    assert.deepEqual(second.ended, [first.entry!.id]);
    const row = driver.lookup('a.txt')!;
    assert.deepEqual(row, second.entry);
    assert.equal(row.id, first.entry!.id);
    assert.equal(row.created, first.entry!.created);
    assert.equal(row.modified, 77);
    assert.notEqual(row.etag, first.entry!.etag);
    assert.equal(row.born, driver.tip.sequence);
    assert.equal(driver.store.reader.counts().logicalBytes, 6);
  });

  it('stores an empty file', async (context) => {
    const driver = await begin(context);
    const { entry } = await driver.put('empty', '');
    assert.equal(entry?.sizeBytes, 0);
    assert.deepEqual(driver.store.reader.contentChunks(entry!.content!, 0, 10), []);
  });

  it('refuses what cannot be, and leaves no trace of it', async (context) => {
    const driver = await begin(context);
    await driver.makeFolder('d');
    await driver.put('f');
    const before = await driver.checkpoint();
    await assert.rejects(driver.put('d'), withCode('IS_FOLDER'));
    await assert.rejects(driver.put('/'), withCode('IS_FOLDER'));
    await assert.rejects(driver.put('missing/x'), withCode('PARENT_MISSING'));
    await assert.rejects(driver.put('f/x'), withCode('PARENT_MISSING'));
    await assert.rejects(driver.makeFolder('d'), withCode('EXISTS'));
    await assert.rejects(driver.makeFolder('f'), withCode('EXISTS'));
    await assert.rejects(driver.makeFolder('/'), withCode('EXISTS'));
    await assert.rejects(driver.delete('/'), withCode('FORBIDDEN'));
    await assert.rejects(driver.delete('missing'), withCode('NOT_FOUND'));
    await assert.rejects(driver.delete('f/x'), withCode('NOT_FOUND'));
    for (const name of ['', '.', '..', 'a/b', 'a\0b', '\ud800', 'ä'.repeat(128)]) {
      const ask = { kind: 'make-folder', path: [name] } as const;
      await assert.rejects(driver.submit(ask), withCode('INVALID_NAME'), JSON.stringify(name));
    }
    assert.deepEqual((await driver.checkpoint()).bytes, before.bytes);
  });

  it('judges each request of a batch by those before it, and keeps only the good ones', async (context) => {
    const driver = await begin(context);
    const { outcomes, operations } = await driver.batch([
      { kind: 'put', path: path('d/f'), content: staged('early') },
      { kind: 'make-folder', path: path('d') },
      { kind: 'put', path: path('d/f'), content: staged('late') },
      { kind: 'make-folder', path: path('d') },
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code)),
      ['PARENT_MISSING', 'ok', 'ok', 'EXISTS'],
    );
    assert.deepEqual(driver.tree(), ['d/', 'd/f']);
    assert.ok(!operations.toString().includes(chunksOf('early')[0]![0]));
  });

  it('shows nothing of a prepared batch before its commit, and nothing after abort', async (context) => {
    const driver = await begin(context);
    const { writer } = driver.store;
    const request = { kind: 'make-folder', path: ['d'], principal: '', now: 1 } as const;
    const sequence = driver.tip.sequence + 1;
    await writer.prepare({ sequence, requests: [request], data: [] });
    assert.equal(driver.lookup('d'), undefined);
    await writer.abort();
    await writer.abort();
    assert.equal(driver.lookup('d'), undefined);
    await driver.makeFolder('d');
    assert.ok(driver.lookup('d'));
  });

  it('keeps other writes out of a prepared batch', async (context) => {
    const driver = await begin(context);
    const { writer, reader } = driver.store;
    const request = { kind: 'make-folder', path: ['d'], principal: '', now: 1 } as const;
    await writer.prepare({ sequence: driver.tip.sequence + 1, requests: [request], data: [] });
    const waiting = writer.setJournaled('00000000000000a1', 1);
    await writer.abort();
    await waiting;
    assert.deepEqual(reader.journaled(), [{ node: '00000000000000a1', sequence: 1 }]);
    assert.equal(driver.lookup('d'), undefined);
  });

  it('finds an entry under any Unicode spelling and keeps the spelling it was given', async (context) => {
    const driver = await begin(context);
    const decomposed = 'u\u0308ber';
    const composed = '\u00fcber';
    await driver.put(decomposed, 'one');
    assert.equal(driver.lookup(composed)?.name, decomposed);
    assert.equal((await driver.put(composed, 'two')).created, false);
    assert.deepEqual(driver.tree(), [decomposed]);
    assert.equal(driver.lookup(composed.toUpperCase()), undefined);
  });

  it('lists in pages by key', async (context) => {
    const driver = await begin(context);
    const names = ['a', 'A', 'b', 'e\u0301', 'z', '\u{1f600}'];
    await driver.batch(names.map((name) => ({ kind: 'put', path: [name], content: staged(name) })));
    const seen: string[] = [];
    let after: string | null = '';
    while (after !== null) {
      const page: ReturnType<typeof driver.store.reader.list> = driver.store.reader.list(rootEntry, after, 2);
      assert.ok(page.rows.length <= 2);
      seen.push(...page.rows.map((row) => row.name));
      after = page.next;
    }
    assert.deepEqual(seen, ['A', 'a', 'b', 'z', 'e\u0301', '\u{1f600}']);
  });

  it('derives the time of a folder from its members', async (context) => {
    const driver = await begin(context);
    await driver.makeFolder('d');
    await driver.makeFolder('e');
    const time = (target: string) => driver.lookup(target)!.modified;
    const touches = async (target: string, change: () => Promise<unknown>): Promise<boolean> => {
      const before = time(target);
      await change();
      assert.ok([before, driver.now].includes(time(target)));
      return time(target) === driver.now;
    };
    assert.ok(await touches('d', () => driver.put('d/f')));
    assert.ok(!(await touches('d', () => driver.put('d/f', 'other'))), 'a new content is no new member');
    const move = (from: string, to: string) =>
      driver.submit({ kind: 'move', path: path(from), target: path(to), overwrite: true, locksFollow: false });
    assert.ok(await touches('d', () => move('d/f', 'd/g')));
    assert.ok(await touches('d', () => move('d/g', 'e/g')));
    assert.equal(time('e'), driver.now);
    assert.ok(await touches('e', () => driver.delete('e/g')));
    assert.ok(await touches('/', () => driver.delete('e')));
  });

  it('ends a tree by its root alone and prunes the rest in bounded steps', async (context) => {
    const driver = await begin(context);
    await driver.makeFolder('t');
    for (const folder of ['t/a', 't/a/b', 't/c']) {
      await driver.makeFolder(folder);
      await driver.batch(
        [1, 2, 3].map((n) => ({ kind: 'put', path: path(`${folder}/${n}`), content: staged(`${n}`) })),
      );
    }
    await driver.put('kept', '1');
    const { id } = driver.lookup('t/a/b')!;
    const { operations } = await driver.batch([{ kind: 'delete', path: ['t'] }]);
    assert.equal(operations.toString().trim().split('\n').length, 1);
    assert.deepEqual(driver.tree(), ['kept']);
    assert.equal(driver.store.reader.pathOf(id), undefined);
    assert.ok(driver.store.reader.hasEnded());
    assert.ok((await driver.prune(2)) >= 10);
    assert.ok(!driver.store.reader.hasEnded());
    assert.equal(driver.store.reader.entry(id), undefined);
    const { files, folders, logicalBytes } = driver.store.reader.counts();
    assert.deepEqual({ files, folders, logicalBytes }, { files: 1, folders: 0, logicalBytes: 1 });
  });

  it('sets and removes dead properties, all or nothing', async (context) => {
    const driver = await begin(context);
    const { entry } = await driver.put('f');
    const set = (changes: { namespace: string; name: string; value: string | null }[], times = {}) =>
      driver.submit({ kind: 'set-properties', path: ['f'], changes, times });
    await set([
      { namespace: 'urn:b', name: 'x', value: '<x>1</x>' },
      { namespace: 'urn:a', name: 'x', value: '<x/>' },
    ]);
    assert.ok(driver.lookup('f')!.hasProperties);
    assert.deepEqual(driver.store.reader.properties(entry!.id), [
      { namespace: 'urn:a', name: 'x', value: '<x/>' },
      { namespace: 'urn:b', name: 'x', value: '<x>1</x>' },
    ]);
    await assert.rejects(
      set([
        { namespace: 'urn:a', name: 'x', value: null },
        { namespace: 'urn:a', name: 'y', value: '\ud800' },
      ]),
      withCode('BAD_REQUEST'),
    );
    assert.equal(driver.store.reader.properties(entry!.id).length, 2);
    await set(
      ['urn:a', 'urn:b', 'urn:none'].map((namespace) => ({ namespace, name: 'x', value: null })),
      { created: 5, modified: -6 },
    );
    const row = driver.lookup('f')!;
    assert.deepEqual([row.hasProperties, row.created, row.modified], [false, 5, -6]);
    await assert.rejects(
      driver.submit({ kind: 'set-properties', path: ['nothing'], changes: [] }),
      withCode('NOT_FOUND'),
    );
    const many = Array.from({ length: 1_001 }, (_, index) => ({ namespace: 'n', name: `p${index}`, value: '' }));
    await assert.rejects(set(many), withCode('LIMIT_EXCEEDED'));
    assert.equal(driver.lookup('f')!.hasProperties, false);
  });

  it('moves files and trees by changing one row', async (context) => {
    const driver = await begin(context);
    await driver.makeFolder('a');
    await driver.makeFolder('a/sub');
    await driver.put('a/sub/f', 'deep');
    await driver.makeFolder('b');
    await driver.put('b/old', 'old');
    const move = (from: string, to: string, overwrite = true) =>
      driver.submit({ kind: 'move', path: path(from), target: path(to), overwrite, locksFollow: false });
    const { id, modified } = driver.lookup('a/sub')!;
    assert.equal((await move('a/sub', 'b/moved')).created, true);
    assert.equal(driver.lookup('b/moved')!.id, id);
    assert.equal(driver.lookup('b/moved')!.modified, modified);
    assert.deepEqual(driver.tree(), ['a/', 'b/', 'b/moved/', 'b/moved/f', 'b/old']);
    await assert.rejects(move('b/moved/f', 'b/old', false), withCode('PRECONDITION_FAILED'));
    assert.equal((await move('b/moved/f', 'b/old')).created, false);
    assert.equal((await move('b/moved', 'a')).created, false, 'an empty folder replaces another');
    assert.deepEqual(driver.tree(), ['a/', 'b/', 'b/old']);
    await assert.rejects(move('/', 'x'), withCode('FORBIDDEN'));
    await assert.rejects(move('a', '/'), withCode('FORBIDDEN'));
    await assert.rejects(move('b', 'b'), withCode('FORBIDDEN'));
    await assert.rejects(move('b', 'b/c'), withCode('FORBIDDEN'));
    await assert.rejects(move('b/old', 'b'), withCode('FORBIDDEN'));
    await assert.rejects(move('b', 'none/c'), withCode('PARENT_MISSING'));
    await assert.rejects(move('none', 'c'), withCode('NOT_FOUND'));
  });

  it('renames the same entry into another spelling in place', async (context) => {
    const driver = await begin(context);
    const { entry } = await driver.put('cafe\u0301', 'x');
    const rename = (from: string, to: string) =>
      driver.submit({ kind: 'move', path: [from], target: [to], overwrite: false, locksFollow: false });
    await rename('caf\u00e9', 'caf\u00e9');
    assert.deepEqual(driver.tree(), ['caf\u00e9']);
    await rename('caf\u00e9', 'CAF\u00c9');
    assert.deepEqual(driver.tree(), ['CAF\u00c9']);
    assert.equal(driver.lookup('CAF\u00c9')!.id, entry!.id);
    await driver.prune();
    assert.equal(driver.lookup('CAF\u00c9')!.id, entry!.id);
  });

  it('copies files sharing their content, and trees with their properties', async (context) => {
    const driver = await begin(context);
    await driver.makeFolder('a');
    await driver.makeFolder('a/sub');
    const { entry } = await driver.put('a/sub/f', 'shared', { modified: 42 });
    const property = { namespace: 'n', name: 'p', value: '<p/>' };
    await driver.submit({ kind: 'set-properties', path: path('a/sub'), changes: [property] });
    const copy = (from: string, to: string, more = {}) =>
      driver.submit({ kind: 'copy', path: path(from), target: path(to), overwrite: true, depth: 'infinity', ...more });
    assert.equal((await copy('a', 'b')).created, true);
    assert.deepEqual(driver.tree(), ['a/', 'a/sub/', 'a/sub/f', 'b/', 'b/sub/', 'b/sub/f']);
    const copied = driver.lookup('b/sub/f')!;
    assert.notEqual(copied.id, entry!.id);
    assert.deepEqual([copied.content, copied.etag, copied.modified], [entry!.content, entry!.etag, 42]);
    assert.deepEqual(driver.store.reader.properties(driver.lookup('b/sub')!.id), [property]);
    assert.equal((await copy('a', 'b/sub', { depth: 0 })).created, false);
    assert.deepEqual(driver.tree(), ['a/', 'a/sub/', 'a/sub/f', 'b/', 'b/sub/']);
    await assert.rejects(copy('a', 'b', { overwrite: false }), withCode('PRECONDITION_FAILED'));
    await assert.rejects(copy('a', 'a'), withCode('FORBIDDEN'));
    await assert.rejects(copy('a', 'a/inside'), withCode('FORBIDDEN'));
    await assert.rejects(copy('a/sub', 'a'), withCode('FORBIDDEN'));
    await assert.rejects(copy('a', 'none/b'), withCode('PARENT_MISSING'));
    await assert.rejects(copy('none', 'b'), withCode('NOT_FOUND'));
    await copy('a', 'a/alone', { depth: 0 });
    await copy('/', 'root', { depth: 0 });
    assert.deepEqual(driver.tree(), ['a/', 'a/alone/', 'a/sub/', 'a/sub/f', 'b/', 'b/sub/', 'root/']);
    await driver.delete('a');
    await driver.prune();
    await copy('b', 'a');
  });

  it('keeps a shared content until the last entry with it is pruned', async (context) => {
    const driver = await begin(context);
    const { entry } = await driver.put('f', 'shared');
    await driver.submit({ kind: 'copy', path: ['f'], target: ['g'], overwrite: false, depth: 'infinity' });
    await driver.delete('f');
    await driver.prune();
    assert.ok(driver.store.reader.content(entry!.content!));
    await driver.delete('g');
    await driver.prune();
    assert.equal(driver.store.reader.content(entry!.content!), undefined);
  });

  it('finds the spelling that Windows means: the exact one, else the only one that is alike', async (context) => {
    const driver = await begin(context);
    const spelling = (text: string) => driver.store.reader.spelling(path(text)).join('/');
    await driver.makeFolder('Fotos');
    await driver.put('Fotos/\u00c9t\u00e9: 1.JPG');
    await driver.put('Fotos/e1');
    for (const name of ['twin', 'TWIN']) await driver.put(name);
    assert.equal(spelling('FOTOS/e\u0301T\u00c9\uff1a 1.jpg'), 'Fotos/\u00c9t\u00e9: 1.JPG');
    assert.equal(spelling('fotos/none/Fotos'), 'Fotos/none/Fotos');
    assert.equal(spelling('fotos/E1/x'), 'Fotos/e1/x');
    assert.equal(spelling('twin'), 'twin');
    assert.equal(spelling('Twin'), 'Twin', 'two are alike');
    assert.equal(spelling('fotos/e'), 'Fotos/e', 'the beginning of a name is not the name');
    assert.equal(spelling('/'), '');
  });
}
