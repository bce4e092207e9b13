import assert from 'node:assert/strict';
import { constants } from 'node:fs';
import { access, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { type DriveError, hasCode } from '../../src/core/errors.js';
import { linux, windows } from '../../src/core/platform.js';
import { SystemFileIo, systemFileIo } from '../../src/core/system-file-io.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const io = systemFileIo;

test('a created file reads back what was written at each position', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  const file = await io.open(path, 'create');
  await file.write([Buffer.from('abc'), Buffer.alloc(0), Buffer.from('def')], 0);
  await file.write([Buffer.from('XY')], 2);
  await file.sync();
  const buffer = Buffer.alloc(10);
  assert.equal(await file.read(buffer, 1), 5);
  assert.equal(buffer.subarray(0, 5).toString(), 'bXYef');
  assert.equal(await file.read(buffer, 6), 0);
  await file.close();
  assert.equal(await readFile(path, 'latin1'), 'abXYef');
});

test('a new file is readable by its owner alone', { skip: process.platform === 'win32' }, async (t) => {
  const folder = await temporaryFolder(t);
  await (await io.open(join(folder, 'file'), 'create')).close();
  await io.makeFolder(join(folder, 'sub'));
  assert.equal((await stat(join(folder, 'file'))).mode & 0o777, 0o600);
  assert.equal((await stat(join(folder, 'sub'))).mode & 0o777, 0o700);
});

test('short writes are continued until everything is written', async (t) => {
  const fs = (await import('node:fs')).default;
  const path = join(await temporaryFolder(t), 'file');
  const { syncBuiltinESMExports } = await import('node:module');
  const whole = fs.writev;
  const calls: number[] = [];
  // Takes at most three bytes of the first buffer for each call.
  const short = (
    descriptor: number,
    buffers: Buffer[],
    position: number,
    done: (error: Error | null, n: number) => void,
  ) => {
    calls.push(position);
    whole(descriptor, [buffers[0]!.subarray(0, 3)], position, done);
  };
  mock.method(fs, 'writev', short);
  syncBuiltinESMExports();
  t.after(() => {
    mock.restoreAll();
    syncBuiltinESMExports();
  });
  const file = await io.open(path, 'create');
  await file.write([Buffer.from('abcde'), Buffer.from('fghi')], 1);
  await file.close();
  assert.equal(await readFile(path, 'latin1'), '\0abcdefghi');
  assert.deepEqual(calls, [1, 4, 6, 9]);
});

test('a write that takes no bytes fails instead of looping', async (t) => {
  const fs = (await import('node:fs')).default;
  const { syncBuiltinESMExports } = await import('node:module');
  const path = join(await temporaryFolder(t), 'file');
  mock.method(
    fs,
    'writev',
    (_descriptor: number, _buffers: Buffer[], _position: number, done: (error: null, n: number) => void) =>
      setImmediate(done, null, 0),
  );
  syncBuiltinESMExports();
  t.after(() => {
    mock.restoreAll();
    syncBuiltinESMExports();
  });
  const file = await io.open(path, 'create');
  await assert.rejects(file.write([Buffer.from('a')], 0), { code: 'NODE_IO' });
  await file.close();
});

test('create refuses what exists, read and write refuse what does not', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'there'), 'x');
  await assert.rejects(io.open(join(folder, 'there'), 'create'), { code: 'EXISTS' });
  await assert.rejects(io.open(join(folder, 'absent'), 'read'), { code: 'FILE_MISSING' });
  await assert.rejects(io.open(join(folder, 'absent'), 'write'), { code: 'FILE_MISSING' });
  await assert.rejects(access(join(folder, 'absent'), constants.F_OK));
  assert.equal(await readFile(join(folder, 'there'), 'latin1'), 'x');
});

test('a file opened for reading takes no writes', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, 'x');
  const file = await io.open(path, 'read');
  await assert.rejects(file.write([Buffer.from('y')], 0), { code: 'NODE_IO' });
  await file.close();
});

test('symbolic links are not followed', { skip: process.platform === 'win32' }, async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'target'), 'x');
  await symlink(join(folder, 'target'), join(folder, 'link'));
  await symlink(join(folder, 'nowhere'), join(folder, 'dangling'));
  for (const mode of ['read', 'write'] as const) {
    await assert.rejects(io.open(join(folder, 'link'), mode), { code: 'NODE_IO' });
  }
  await assert.rejects(io.open(join(folder, 'dangling'), 'create'), { code: 'EXISTS' });
});

test('close waits for what is in flight, can be repeated, and ends the file', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  const file = await io.open(path, 'create');
  let written = false;
  const writing = file.write([Buffer.alloc(1024 * 1024, 7)], 0).then(() => {
    written = true;
  });
  const closing = file.close();
  await Promise.all([closing.then(() => assert.ok(written)), file.close(), writing]);
  await file.close();
  await assert.rejects(file.read(Buffer.alloc(1), 0), { code: 'CLOSED' });
  await assert.rejects(file.write([Buffer.alloc(1)], 0), { code: 'CLOSED' });
  await assert.rejects(file.sync(), { code: 'CLOSED' });
  await assert.rejects(file.truncate(0), { code: 'CLOSED' });
  await assert.rejects(file.stat(), { code: 'CLOSED' });
  assert.equal((await stat(path)).size, 1024 * 1024);
});

test('readWhole gives all of a file and refuses one above the limit', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await writeFile(path, 'abcdef');
  assert.equal((await io.readWhole(path, 6)).toString(), 'abcdef');
  await assert.rejects(io.readWhole(path, 5), { code: 'CORRUPT' });
  await assert.rejects(io.readWhole(`${path}-absent`, 5), { code: 'FILE_MISSING' });
  await truncate(path, 0);
  assert.equal((await io.readWhole(path, 6)).length, 0);
});

test('stat tells kinds and sizes, and absence from trouble', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'file');
  await writeFile(path, 'abc');
  const found = await io.stat(path);
  assert.equal(found?.kind, 'file');
  assert.equal(found?.sizeBytes, 3);
  assert.equal((await io.stat(folder))?.kind, 'folder');
  assert.equal(await io.stat(join(folder, 'absent')), undefined);
  assert.equal(await io.stat(join(path, 'below-a-file')), undefined);
  await assert.rejects(io.stat(join(folder, 'n'.repeat(300))), (error) => hasCode(error, 'NODE_IO'));
});

test('device numbers are given where they mean something', { skip: process.platform === 'win32' }, async (t) => {
  const folder = await temporaryFolder(t);
  const real = (await stat(folder)).dev;
  assert.equal((await new SystemFileIo(linux).stat(folder))?.device, real);
  assert.equal((await new SystemFileIo(windows).stat(folder))?.device, 0);
});

test('list names every item with its kind, and fails for what is no folder', async (t) => {
  const folder = await temporaryFolder(t);
  await io.makeFolder(join(folder, 'sub'));
  await writeFile(join(folder, 'file'), '');
  if (process.platform !== 'win32') await symlink('file', join(folder, 'link'));
  const items = (await io.list(folder))
    .filter((item) => item.name !== 'link')
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  assert.deepEqual(items, [
    { name: 'file', kind: 'file' },
    { name: 'sub', kind: 'folder' },
  ]);
  if (process.platform !== 'win32') {
    assert.equal((await io.list(folder)).find((item) => item.name === 'link')?.kind, 'other');
    await assert.rejects(io.list(join(folder, 'file')), { code: 'NODE_IO' });
  }
  await assert.rejects(io.list(join(folder, 'absent')), { code: 'FILE_MISSING' });
});

test('makeFolder makes one level and refuses what exists', async (t) => {
  const folder = await temporaryFolder(t);
  await io.makeFolder(join(folder, 'sub'));
  await assert.rejects(io.makeFolder(join(folder, 'sub')), { code: 'EXISTS' });
  await assert.rejects(io.makeFolder(join(folder, 'a', 'b')), { code: 'FILE_MISSING' });
});

test('rename replaces, unlink removes once', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'a'), 'new');
  await writeFile(join(folder, 'b'), 'old');
  await io.rename(join(folder, 'a'), join(folder, 'b'));
  assert.equal(await readFile(join(folder, 'b'), 'latin1'), 'new');
  await assert.rejects(io.rename(join(folder, 'a'), join(folder, 'b')), { code: 'FILE_MISSING' });
  await io.unlink(join(folder, 'b'));
  await assert.rejects(io.unlink(join(folder, 'b')), { code: 'FILE_MISSING' });
});

test('truncate cuts and extends', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  const file = await io.open(path, 'create');
  await file.write([Buffer.from('abcdef')], 0);
  await file.truncate(2);
  assert.equal((await file.stat()).sizeBytes, 2);
  await file.truncate(4);
  await file.close();
  assert.deepEqual(await readFile(path), Buffer.from('ab\0\0'));
});

test('syncFolder opens the folder where the platform can, and nothing where it cannot', async (t) => {
  const folder = await temporaryFolder(t);
  await io.syncFolder(folder);
  const absent = join(folder, 'absent');
  await assert.rejects(new SystemFileIo(linux).syncFolder(absent), { code: 'FILE_MISSING' });
  await new SystemFileIo(windows).syncFolder(absent);
});

test('space is counted in bytes', async (t) => {
  const space = await io.space(await temporaryFolder(t));
  assert.ok(space.totalBytes > 1024 * 1024);
  assert.ok(space.freeBytes <= space.totalBytes);
  assert.ok(space.freeInodes > 0);
});

test('an error says what was tried, where, and the errno', async (t) => {
  const path = join(await temporaryFolder(t), 'absent');
  await assert.rejects(io.open(path, 'read'), (error: DriveError) => {
    assert.equal(error.message, `open ${path}: ENOENT`);
    assert.equal(error.details.path, path);
    assert.equal(error.details.errnoName, 'ENOENT');
    return true;
  });
});
