/**
 * An index whose process was killed is used at once where its mark says that file and log are of one moment, and is
 * verified first where anything speaks against it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, open, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemFileIo } from '../../src/core/system-file-io.js';
import { framesExpected } from '../../src/meta/sqlite/open-mark.js';
import { openMetaStore } from '../../src/meta/sqlite-meta-store.js';
import { memoryFolder } from './damaged-volume.js';

const source = (name: string) => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href);
const foldersPerBatch = 100;

/** Batches of folders until the log was folded into the file and went on; then it waits to be killed. */
const program = `
  const { openMetaStore } = await import(${source('meta/sqlite-meta-store.js')});
  const { OpenMark } = await import(${source('meta/sqlite/open-mark.js')});
  const { systemFileIo } = await import(${source('core/system-file-io.js')});
  const file = process.argv[2];
  const folds = Number(process.argv[3]);
  const mark = new OpenMark({ fileIo: systemFileIo, file, onTrouble: (error) => { throw error; } });
  let folded = 0;
  const onWal = (state) => { mark.note(state); if (state.folded > 0) folded += 1; };
  const meta = await openMetaStore({ file, onWal });
  let [sequence, id] = [0, 10];
  const save = async (operations) => {
    sequence += 1;
    await meta.writer.prepare({ sequence, requests: [{ kind: 'operations', operations }], data: [] });
    await meta.writer.commit({ batch: null, places: [], data: [] });
  };
  const folder = () => ({ o: 'entry', id: ++id, parent: 1, name: 'folder ' + id, kind: 'folder', content: null, created: 1, modified: 1, time: 1 });
  await save([{ o: 'volume', id: '0123456789abcdef', name: 'home', replicas: 1, created: 1 }]);
  do await save(Array.from({ length: ${foldersPerBatch} }, folder)); while (folded < folds);
  await save([folder()]);
  await new Promise((resolve) => setImmediate(resolve));
  await mark.settled();
  console.log(meta.reader.counts().folders);
  setInterval(() => undefined, 1_000);
`;

/** The index as its killed process left it, and how many folders were committed. */
async function killedIndex(context: TestContext, folds: number): Promise<{ file: string; folders: number }> {
  const folder = await memoryFolder(context);
  const file = join(folder, 'index.db');
  await writeFile(join(folder, 'program.mjs'), program);
  const child = spawn(process.execPath, [join(folder, 'program.mjs'), file, String(folds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGKILL');
  await once(child, 'exit');
  return { file, folders: Number(said) };
}

const expected = (file: string) => framesExpected(systemFileIo, file);

async function overwrite(path: string, at: number, bytes: Buffer): Promise<Buffer> {
  const handle = await open(path, 'r+');
  try {
    const before = Buffer.alloc(bytes.length);
    await handle.read(before, 0, bytes.length, at);
    await handle.write(bytes, 0, bytes.length, at);
    return before;
  } finally {
    await handle.close();
  }
}

for (const folds of [0, 1, 3]) {
  test(`a killed index is opened without reading it, and lacks nothing (folded ${folds} times)`, async (context) => {
    const { file, folders } = await killedIndex(context, folds);
    const frames = await expected(file);
    assert.notEqual(frames, undefined);
    const meta = await openMetaStore({ file, verify: frames });
    try {
      assert.equal(meta.isUnread, true);
      assert.equal(meta.reader.counts().folders, folders);
      await meta.verify!();
    } finally {
      await meta.close();
    }
  });
}

test('a log that lacks what is in the file already: the index is verified before it is used', async (context) => {
  const { file } = await killedIndex(context, 1);
  const frames = (await expected(file))!;
  const meta = await openMetaStore({ file, verify: Math.max(frames, 1_000_000) });
  assert.equal(meta.isUnread, false);
  await meta.close();
});

test('whatever was done to file, log or mark of a killed index, nothing vouches for it any more', async (context) => {
  const { file } = await killedIndex(context, 1);
  assert.notEqual(await expected(file), undefined);
  const [wal, mark] = [`${file}-wal`, `${file}-open`];

  await rename(wal, `${wal}.away`);
  assert.equal(await expected(file), undefined, 'without its log');
  await rename(`${wal}.away`, wal);
  const salt = await overwrite(wal, 16, Buffer.from([1, 2, 3, 4]));
  assert.equal(await expected(file), undefined, 'with the log of another time');
  await overwrite(wal, 16, salt);
  const before = await overwrite(mark, 5, Buffer.from('x'));
  assert.equal(await expected(file), undefined, 'with a damaged mark');
  await overwrite(mark, 5, before);

  assert.notEqual(await expected(file), undefined, 'as it was again');
  await overwrite(file, 60_000, await overwrite(file, 60_000, Buffer.from([0])));
  assert.equal(await expected(file), undefined, 'with a file that was written to');
});

test('a killed index that is cut, longer, or gone is not vouched for', async (context) => {
  const { file } = await killedIndex(context, 0);
  await appendFile(file, 'more');
  assert.equal(await expected(file), undefined);
  await truncate(file, 0);
  assert.equal(await expected(file), undefined);
  await rm(file);
  assert.equal(await expected(file), undefined);
});
