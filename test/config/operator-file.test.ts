import assert from 'node:assert/strict';
import { chmod, chown, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  emptyOperatorFile,
  type OperatorFile,
  readOperatorFile,
  writeOperatorFile,
} from '../../src/config/operator-file.js';
import { systemFileIo as io } from '../../src/core/system-file-io.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const byCommand: OperatorFile = {
  notices: { command: ['/bin/mail', 'ana'] },
  windows: { '00000000000000aa': 5 },
  sleepy: ['00000000000000bb'],
};
const byWebhook: OperatorFile = { notices: { webhook: 'https://hook.example/secret' }, windows: {}, sleepy: [] };
const onSystemsWithModes = { skip: process.getuid ? false : 'this system has no file modes' };

async function read(folder: string): Promise<{ file: OperatorFile; problems: string[] }> {
  const problems: string[] = [];
  return { file: await readOperatorFile(io, folder, (problem) => problems.push(problem)), problems };
}

async function written(t: TestContext, file: OperatorFile): Promise<{ folder: string; path: string }> {
  const folder = await temporaryFolder(t);
  await writeOperatorFile(io, folder, file);
  return { folder, path: join(folder, 'operator.json') };
}

test('what is written is read back; no file means that nothing is set', async (t) => {
  assert.deepEqual(await read(await temporaryFolder(t)), { file: emptyOperatorFile, problems: [] });
  for (const file of [byCommand, byWebhook]) {
    const { folder } = await written(t, file);
    assert.deepEqual(await read(folder), { file, problems: [] });
  }
});

test('the file is its owner alone to read and to write, whatever lay there before', onSystemsWithModes, async (t) => {
  const { folder, path } = await written(t, byWebhook);
  await chmod(path, 0o666);
  await writeOperatorFile(io, folder, byCommand);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

for (const mode of [0o620, 0o602, 0o666]) {
  const name = `a target for notices in a file of mode ${mode.toString(8)} does not count, and why is said`;
  test(name, onSystemsWithModes, async (t) => {
    for (const file of [byCommand, byWebhook]) {
      const { folder, path } = await written(t, file);
      await chmod(path, mode);
      const found = await read(folder);
      assert.deepEqual(found.file, { ...file, notices: null });
      assert.match(found.problems.join('\n'), /operator\.json can be written by other accounts: notices are not set/);
      assert.doesNotMatch(found.problems.join(), /secret/);
    }
  });
}

test('nor in a file of another account', {
  skip: process.getuid?.() === 0 ? false : 'only root can give a file away',
}, async (t) => {
  const { folder, path } = await written(t, byCommand);
  await chown(path, 65_534, 65_534);
  const found = await read(folder);
  assert.equal(found.file.notices, null);
  assert.match(found.problems.join(), /belongs to another account/);
});

test('a file that others may only read, or that sets no target, is no trouble', onSystemsWithModes, async (t) => {
  const readable = await written(t, byCommand);
  await chmod(readable.path, 0o644);
  assert.deepEqual(await read(readable.folder), { file: byCommand, problems: [] });
  const untold = await written(t, { ...byCommand, notices: null });
  await chmod(untold.path, 0o666);
  assert.deepEqual(await read(untold.folder), { file: { ...byCommand, notices: null }, problems: [] });
});

test('what cannot be understood is said, and counts as not set', async (t) => {
  for (const text of ['{', '[]', '{"format":2}']) {
    const folder = await temporaryFolder(t);
    await writeFile(join(folder, 'operator.json'), text, { mode: 0o600 });
    const { file, problems } = await read(folder);
    assert.deepEqual(file, emptyOperatorFile);
    assert.equal(problems.length, 1, text);
  }
});
