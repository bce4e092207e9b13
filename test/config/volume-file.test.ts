import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readVolumeFile, type VolumeFile, writeVolumeFile } from '../../src/config/volume-file.js';
import { DriveError } from '../../src/core/errors.js';
import type { FileIo, OpenFile } from '../../src/core/file-io.js';
import { systemFileIo as io } from '../../src/core/system-file-io.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const sample: VolumeFile = {
  id: '0123456789abcdef',
  name: 'home',
  nodes: [
    { id: '00000000000000aa', label: 'one', path: '/mnt/one' },
    { id: '00000000000000bb', label: 'zwei ä', path: '/mnt/zwei ä' },
  ],
};

test('what is written is read back, and replaces what was there', async (t) => {
  const folder = await temporaryFolder(t);
  await writeVolumeFile(io, folder, { ...sample, name: 'old' });
  await writeVolumeFile(io, folder, sample);
  assert.deepEqual(await readVolumeFile(io, folder), sample);
  assert.deepEqual(await readdir(folder), ['volume.json']);
});

test('an empty label, which nodes could bear once, is read', async (t) => {
  const folder = await temporaryFolder(t);
  const file = { ...sample, nodes: [{ ...sample.nodes[0]!, label: '' }] };
  await writeVolumeFile(io, folder, file);
  assert.deepEqual(await readVolumeFile(io, folder), file);
});

test('a write that was cut off before does not stand in the way', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'volume.json.new'), '{"format":1,"i');
  await writeVolumeFile(io, folder, sample);
  assert.deepEqual(await readVolumeFile(io, folder), sample);
});

test('a directory without one is no volume, and the message says how to make one', async (t) => {
  const folder = await temporaryFolder(t);
  await assert.rejects(readVolumeFile(io, folder), (error: DriveError) => {
    assert.equal(error.code, 'FILE_MISSING');
    assert.match(error.hint ?? '', /holdfast init .*holdfast rebuild/);
    return true;
  });
});

test('a newer format is refused by name', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'volume.json'), JSON.stringify({ format: 2, anything: true }));
  await assert.rejects(readVolumeFile(io, folder), {
    code: 'NEWER_FORMAT',
    details: { path: join(folder, 'volume.json'), format: 2 },
  });
});

const node = sample.nodes[0];
const broken: readonly [string, unknown][] = [
  ['an array', []],
  ['null', null],
  ['no format', { ...sample }],
  ['format 0', { ...sample, format: 0 }],
  ['a format in quotes', { ...sample, format: '1' }],
  ['an id that is a path', { ...sample, format: 1, id: '../../etc' }],
  ['no name', { ...sample, format: 1, name: undefined }],
  ['an empty name', { ...sample, format: 1, name: '' }],
  ['no nodes', { ...sample, format: 1, nodes: undefined }],
  ['a node that is null', { ...sample, format: 1, nodes: [null] }],
  ['a node without a path', { ...sample, format: 1, nodes: [{ ...node, path: undefined }] }],
  ['a path with NUL', { ...sample, format: 1, nodes: [{ ...node, path: '/a\0b' }] }],
];

for (const [name, value] of broken) {
  test(`a file with ${name} is corrupt, and the message leads to rebuild`, async (t) => {
    const folder = await temporaryFolder(t);
    await writeFile(join(folder, 'volume.json'), JSON.stringify(value));
    await assertCorrupt(folder);
  });
}

test('a file cut short, empty or far too long is corrupt', async (t) => {
  const folder = await temporaryFolder(t);
  await writeVolumeFile(io, folder, sample);
  const whole = await readFile(join(folder, 'volume.json'));
  for (const bytes of [whole.subarray(0, whole.length - 3), Buffer.alloc(0), Buffer.alloc(2 * 1024 * 1024, 0x20)]) {
    await writeFile(join(folder, 'volume.json'), bytes);
    await assertCorrupt(folder);
  }
});

async function assertCorrupt(folder: string): Promise<void> {
  await assert.rejects(readVolumeFile(io, folder), (error: DriveError) => {
    assert.equal(error.code, 'CORRUPT');
    assert.match(error.hint ?? '', /holdfast rebuild/);
    return true;
  });
}

test('the bytes are durable before the name changes, and the name after it', async (t) => {
  const folder = await temporaryFolder(t);
  const log: string[] = [];
  await writeVolumeFile(logging(log), folder, sample);
  assert.deepEqual(log, ['write', 'sync', 'close', 'rename', 'syncFolder']);
});

test('when the new bytes cannot be made durable the old file stays', async (t) => {
  const folder = await temporaryFolder(t);
  await writeVolumeFile(io, folder, sample);
  const failing = logging([], () => Promise.reject(new DriveError('NODE_IO')));
  await assert.rejects(writeVolumeFile(failing, folder, { ...sample, name: 'new' }), { code: 'NODE_IO' });
  assert.deepEqual(await readVolumeFile(io, folder), sample);
});

/** The real thing with the calls that matter for durability written down. */
function logging(log: string[], sync?: () => Promise<void>): FileIo {
  const note = <T>(name: string, action: Promise<T>) => {
    log.push(name);
    return action;
  };
  const wrap = (file: OpenFile): OpenFile => ({
    read: (buffer, position) => file.read(buffer, position),
    write: (buffers, position) => note('write', file.write(buffers, position)),
    sync: () => note('sync', sync ? sync() : file.sync()),
    truncate: (lengthBytes) => file.truncate(lengthBytes),
    stat: () => file.stat(),
    close: () => note('close', file.close()),
  });
  return {
    open: async (path, mode) => wrap(await io.open(path, mode)),
    readWhole: (path, limitBytes) => io.readWhole(path, limitBytes),
    stat: (path) => io.stat(path),
    list: (path) => io.list(path),
    rename: (from, to) => note('rename', io.rename(from, to)),
    unlink: (path) => io.unlink(path),
    makeFolder: (path) => io.makeFolder(path),
    syncFolder: (path) => note('syncFolder', io.syncFolder(path)),
    space: (path) => io.space(path),
  };
}
