import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import type { MetaStore } from '../../src/meta/meta-store.js';
import { runIndexJob } from '../../src/meta/sqlite/index-jobs.js';
import { openMetaStore } from '../../src/meta/sqlite-meta-store.js';
import { IndexDriver, withCode } from '../suites/index-driver.js';
import { metaStoreSuite } from '../suites/meta-store-suite.js';
import { damageIndex, tamperWithIndex } from '../support/tampered-index.js';

/** One for all tests: hooks run in the order they were made, so a test's own folder would go before its index is closed. */
const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
after(() => rm(folder, { recursive: true, force: true }));
let files = 0;
function newFile(): string {
  files += 1;
  return join(folder, `index-${files}.db`);
}

/** As the check of a store that has this file open; it would take two threads. */
async function findingsIn(file: string): Promise<string[]> {
  const found = async (kind: 'check-file' | 'check') =>
    (await runIndexJob({ kind, file }, { inThread: false })).findings!;
  return [...(await found('check-file')), ...(await found('check'))];
}

const fileOf = new WeakMap<MetaStore, string>();

metaStoreSuite('index on SQLite, in memory', {
  open: () => openMetaStore({ file: ':memory:' }),
  propertyRuns: 30,
  findings: (store) => store.check(),
});
metaStoreSuite('index on SQLite, writer in a thread', {
  open: async () => {
    const file = newFile();
    const store = await openMetaStore({ file });
    fileOf.set(store, file);
    return store;
  },
  propertyRuns: 1,
  findings: (store) => findingsIn(fileOf.get(store)!),
});

async function begun(context: TestContext, file: string): Promise<{ store: MetaStore; driver: IndexDriver }> {
  const store = await openMetaStore({ file });
  context.after(() => store.close());
  return { store, driver: await new IndexDriver(store).begin() };
}

describe('index file', () => {
  it('keeps everything over a reopening', async (context) => {
    const file = newFile();
    const { store, driver } = await begun(context, file);
    await driver.put('f', 'text');
    await driver.batch([{ kind: 'make-folder', path: ['d'] }], { full: true });
    const before = await driver.checkpoint();
    const entry = driver.lookup('f');
    await store.close();
    const again = await openMetaStore({ file });
    context.after(() => again.close());
    assert.deepEqual(again.reader.lookup(['f']), entry);
    assert.deepEqual(again.reader.tip(), before.tip);
    assert.deepEqual(await again.check(), []);
    const { outcomes } = await again.writer.prepare({
      sequence: 9,
      requests: [{ kind: 'make-folder', path: ['e'], principal: '', now: 1 }],
      data: [],
    });
    assert.ok(outcomes[0]?.ok && outcomes[0].result.entry!.id > entry!.id, 'ids go on');
    await again.writer.abort();
  });

  it('is refused when it was made by another version, by another program, or is no database', async (context) => {
    const file = newFile();
    const { store } = await begun(context, file);
    await store.close();
    for (const version of [1, 99]) {
      damageIndex(file, `PRAGMA user_version = ${version}`);
      await assert.rejects(openMetaStore({ file }), withCode('CORRUPT'));
    }
    damageIndex(file, 'PRAGMA user_version = 3; PRAGMA application_id = 7');
    await assert.rejects(openMetaStore({ file }), withCode('CORRUPT'));
    await assert.rejects(openMetaStore({ file: folder }), withCode('UNAVAILABLE'));
    await assert.rejects(openMetaStore({ file: join(folder, 'none', 'index.db') }), withCode('UNAVAILABLE'));
    await writeFile(join(folder, 'text'), 'not a database, '.repeat(1000));
    await assert.rejects(openMetaStore({ file: join(folder, 'text') }), withCode('CORRUPT'));
  });

  it('never serves a chunk list that does not match its checksum', async (context) => {
    for (const sql of [
      'UPDATE page SET chunks = zeroblob(36)',
      'UPDATE page SET digest = zeroblob(32)',
      'UPDATE content SET size = size + 1',
      'UPDATE content SET count = count + 1',
      'DELETE FROM page',
    ]) {
      const file = newFile();
      const { store, driver } = await begun(context, file);
      const { entry } = await driver.put('f', 'text');
      await store.close();
      tamperWithIndex(file, sql);
      const again = await openMetaStore({ file, isAlone: true });
      context.after(() => again.close());
      assert.throws(() => again.reader.contentChunks(entry!.content!, 0, 1), withCode('CORRUPT'), sql);
      assert.notDeepEqual(await again.check(), [], sql);
    }
  });

  it('is checked: each broken invariant is a finding', async (context) => {
    const file = newFile();
    const { store, driver } = await begun(context, file);
    await driver.makeFolder('d');
    await driver.put('d/f', 'text');
    await driver.put('d/f', 'other');
    await driver.lock('d/f');
    const changes = [{ namespace: 'n', name: 'p', value: '' }];
    await driver.submit({ kind: 'set-properties', path: ['d'], changes });
    await store.close();
    const pristine = `${file}.pristine`;
    await copyFile(file, pristine);
    for (const [sql, finding] of [
      ['UPDATE counters SET files = files + 1', /total files/],
      ['UPDATE counters SET live_bytes = 0', /total liveBytes/],
      ['DELETE FROM entry WHERE kind = 1 AND id > 1', /its folder \d+ does not exist/],
      ['UPDATE entry SET parent = 0 WHERE kind = 0', /left behind by a copy/],
      ["UPDATE entry SET etag = 'x' WHERE kind = 0", /differs in size or ETag/],
      ['DELETE FROM content', /is missing or differs/],
      ['DELETE FROM property', /is said to have properties/],
      ['UPDATE content SET refs = refs + 1', /references are noted/],
      ['UPDATE chunk SET refs = 7', /7 references are noted/],
      ['DELETE FROM chunk', /0 references are noted/],
      ['UPDATE chunk SET segment = NULL', /its place is not known/],
      ['UPDATE chunk SET segment = 77', /its segment does not exist/],
      ['UPDATE segment SET live_bytes = 1', /1 living bytes are noted/],
      ['UPDATE segment SET length = 1', /beyond its length 1/],
      ['DELETE FROM replica', /lies on no node/],
      ['UPDATE segment SET good = 1', /counts of its replicas/],
      ['DELETE FROM node', /is not in the table of nodes/],
      ['UPDATE node SET used_bytes = 3', /3 used bytes are noted/],
      ['UPDATE dav_lock SET entry = 99', /its entry 99 has ended/],
      ['UPDATE tip SET sequence = sequence - 1', /is not the tip/],
      ['DELETE FROM journal WHERE sequence = 3', /batch 4 does not follow 2/],
      ["UPDATE journal SET bytes = x'00' WHERE sequence = 3", /batch 3 is damaged/],
      ['DELETE FROM volume', /no settings/],
    ] as const) {
      await copyFile(pristine, file);
      tamperWithIndex(file, sql);
      assert.match((await findingsIn(file)).join('\n'), finding, sql);
    }
  });

  it('is copied whole while it is in use', async (context) => {
    const file = newFile();
    const { store, driver } = await begun(context, file);
    await driver.put('f', 'text');
    await store.writer.copyTo(`${file}.copy`);
    await assert.rejects(store.writer.copyTo(`${file}.copy`), 'an existing file is not written over');
    const copy = await openMetaStore({ file: `${file}.copy` });
    context.after(() => copy.close());
    assert.deepEqual(copy.reader.lookup(['f']), driver.lookup('f'));
  });

  it('keeps its WAL bounded under many batches', async (context) => {
    const file = newFile();
    const { driver } = await begun(context, file);
    // Unbounded it would be 22 MiB.
    for (let round = 0; round < 300; round += 1) {
      await driver.put(`f${round}`, String(round).repeat(30_000), {});
    }
    assert.ok(statSync(`${file}-wal`).size < 8 * 1024 * 1024);
  });

  it('is opened by the thread that closed another one, which keeps nothing of it', async () => {
    await (await openMetaStore({ file: newFile() })).close();
    let threads = 0;
    const count = () => {
      threads += 1;
    };
    process.on('worker', count);
    const first = await openMetaStore({ file: newFile() });
    await (await new IndexDriver(first).begin()).put('f');
    await first.close();
    const second = await openMetaStore({ file: newFile() });
    await assert.rejects(openMetaStore({ file: folder }), withCode('UNAVAILABLE'));
    const driver = await new IndexDriver(second).begin();
    await driver.put('g');
    assert.equal(second.reader.lookup(['f']), undefined);
    await second.close();
    process.off('worker', count);
    // The second one's alone, for the folder: while an index is open its thread is nobody else's.
    assert.equal(threads, 1);
  });

  it('refuses what cannot be sent to its thread, and goes on', async (context) => {
    const file = newFile();
    const { driver, store } = await begun(context, file);
    await driver.put('f');
    const request = { kind: 'make-folder', path: ['d'], principal: '', now: 1, extra: () => 1 };
    await assert.rejects(
      store.writer.prepare({ sequence: 9, requests: [request as never], data: [] }),
      withCode('INTERNAL'),
    );
    await driver.put('g');
  });
});

describe('limits of single requests', () => {
  it('refuse a copy of too many entries and too many locks, leaving no trace', async (context) => {
    const store = await openMetaStore({ file: ':memory:', limits: { entriesPerCopy: 3, locks: 1 } });
    context.after(() => store.close());
    const driver = await new IndexDriver(store).begin();
    await driver.makeFolder('d');
    await driver.put('d/1');
    await driver.put('d/2');
    const copy = (target: string) =>
      driver.submit({ kind: 'copy', path: ['d'], target: [target], overwrite: false, depth: 'infinity' });
    await copy('fits');
    await driver.put('d/3');
    const before = await driver.checkpoint();
    await assert.rejects(copy('too-large'), withCode('LIMIT_EXCEEDED'));
    assert.deepEqual((await driver.checkpoint()).bytes, before.bytes);
    await driver.lock('d/1', { timeoutMs: 5_000 });
    await assert.rejects(driver.lock('d/2'), withCode('LIMIT_EXCEEDED'));
    driver.now += 10_000;
    await driver.lock('d/2');
    assert.deepEqual(await store.check(), []);
  });
});

describe('index in memory', () => {
  it('leaves no file behind', async () => {
    // Other processes keep theirs in the same folder.
    const name = process.pid.toString(16).padStart(16, '0');
    const files = () => readdirSync(tmpdir()).filter((file) => file.startsWith(`holdfast-index-${name}`));
    const store = await openMetaStore({ file: ':memory:', random: { bytes: () => Buffer.from(name, 'hex') } });
    const driver = await new IndexDriver(store).begin();
    await driver.put('f');
    assert.notDeepEqual(files(), []);
    await store.close();
    assert.deepEqual(files(), []);
  });
});
