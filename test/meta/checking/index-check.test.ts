/** Each broken invariant of the index is found, by an index that is changed behind its back. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ReferenceSum } from '../../../src/meta/checking/reference-sum.js';
import { runIndexJob } from '../../../src/meta/sqlite/index-jobs.js';
import { openMetaStore } from '../../../src/meta/sqlite-meta-store.js';
import { IndexDriver } from '../../suites/index-driver.js';
import { tamperWithIndex } from '../../support/tampered-index.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

async function begun(file: string) {
  const store = await openMetaStore({ file, isAlone: true });
  return { store, driver: await new IndexDriver(store).begin() };
}

const breaches: readonly (readonly [sql: string, finding: RegExp])[] = [
  ["UPDATE entry SET key = 'x' WHERE kind = 0", /does not stand under its key/],
  ["UPDATE entry SET name = 'a/b', key = 'a/b' WHERE kind = 0", /its name is not valid/],
  ["UPDATE entry SET name = '..', key = '..' WHERE kind = 0", /its name is not valid/],
  ['UPDATE entry SET parent = id WHERE kind = 1 AND id > 1', /no way leads from this folder to the root/],
  ['UPDATE entry SET size = 5 WHERE id = 1', /a folder that holds a content/],
  ['UPDATE counters SET highest_entry = 1', /the highest id is noted as 1/],
  ['UPDATE counters SET highest_content = 0', /the highest id is noted as 0/],
  ['UPDATE page SET content = 77 WHERE content = 1', /content 77: has a chunk list and does not exist/],
  ['UPDATE page SET number = 1', /does not match its checksum/],
  ['UPDATE chunk SET plain_bytes = 9', /references are noted/],
  ['UPDATE chunk SET refs = -1', /-1 references are noted/],
  ['UPDATE chunk SET offset = 64', /two chunks are said to lie at 64/],
  ['DELETE FROM segment', /chunks in segment number \d+: its segment does not exist/],
  ['DELETE FROM segment', /segment number \d+: has replicas and does not exist/],
  [
    "INSERT INTO journaled (node, sequence) VALUES ('ffffffffffffffff', 1)",
    /has a journal and is not in the table of nodes/,
  ],
  ["UPDATE epoch SET parent = 'ffffffffffffffff'", /does not follow its parent/],
  ['UPDATE epoch SET members = \'["ffffffffffffffff"]\'', /its member f+ is not in the table/],
  ['UPDATE past SET died = 0', /it came at \d+ and ended at 0/],
];

test('each broken invariant is a finding', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'index.db');
  const { store, driver } = await begun(file);
  await driver.makeFolder('d');
  await driver.put('d/f', 'text');
  await driver.put('d/f', 'other');
  assert.deepEqual([await store.check(), await store.check({ only: 'sums' })], [[], []]);
  await store.close();
  for (const [sql, finding] of breaches) {
    const broken = join(folder, 'broken.db');
    await copyFile(file, broken);
    tamperWithIndex(broken, sql);
    const again = await openMetaStore({ file: broken, isAlone: true });
    const findings = await again.check();
    await again.close();
    assert.match(findings.join('\n'), finding, sql);
  }
});

test('sums show references that went astray', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'index.db');
  const { store, driver } = await begun(file);
  await driver.put('f', 'text');
  await store.close();
  for (const sql of ['UPDATE chunk SET refs = 0', 'DELETE FROM chunk', 'UPDATE segment SET live_bytes = 0']) {
    const broken = join(folder, 'broken.db');
    await copyFile(file, broken);
    tamperWithIndex(broken, sql);
    const again = await openMetaStore({ file: broken, isAlone: true });
    assert.equal((await again.check({ only: 'sums' })).length, 1, sql);
    await again.close();
  }
});

test('a check tells how far it is, and ends when it is not wanted any more', async (t) => {
  const folder = await temporaryFolder(t);
  const { store } = await begun(join(folder, 'index.db'));
  const phases = new Set<string>();
  await store.check({ onProgress: ({ phase }) => phases.add(phase) });
  assert.deepEqual([...phases], ['asking the index', 'reading chunks']);
  await assert.rejects(store.check({ signal: AbortSignal.abort() }), { code: 'ABORTED' });
  await store.close();
});

test('work on the index gives the same in a thread and without one', async (t) => {
  const file = join(await temporaryFolder(t), 'index.db');
  const { store, driver } = await begun(file);
  await driver.put('f', 'text');
  await store.close();
  tamperWithIndex(file, 'UPDATE chunk SET refs = 7');
  for (const kind of ['verify', 'read', 'check-file', 'check', 'check-sums', 'needs'] as const) {
    const [threaded, here] = await Promise.all(
      [true, false].map((inThread) => runIndexJob({ kind, file }, { inThread })),
    );
    assert.deepEqual(threaded, here, kind);
    if (kind.startsWith('check')) assert.equal(here!.findings!.length > 0, kind !== 'check-file');
  }
  for (const inThread of [true, false]) {
    const missing = runIndexJob({ kind: 'check', file: `${file}.none` }, { inThread });
    await assert.rejects(missing, { code: 'UNAVAILABLE' });
  }
  const cut = new AbortController();
  const work = runIndexJob({ kind: 'check', file }, { inThread: true, signal: cut.signal });
  cut.abort();
  await assert.rejects(work, { code: 'ABORTED' });
});

test('sums of references tell sets apart: by chunk, by length and by number', () => {
  const chunks = ['a', 'b', 'c'].map((text) => hash('sha256', text, 'buffer'));
  const sumOf = (...references: [chunk: number, plainBytes: number, times: number][]) => {
    const sum = new ReferenceSum();
    for (const [chunk, plainBytes, times] of references) sum.add(chunks[chunk]!, 0, { plainBytes, times });
    return sum;
  };
  const sum = sumOf([0, 10, 2], [1, 20, 1]);
  assert.ok(sum.equals(sumOf([1, 20, 1], [0, 10, 1], [0, 10, 1])));
  for (const other of [
    sumOf([0, 10, 1], [1, 20, 1]),
    sumOf([0, 20, 2], [1, 10, 1]),
    sumOf([0, 10, 2], [2, 20, 1]),
    sumOf(),
  ]) {
    assert.ok(!sum.equals(other));
  }
});
