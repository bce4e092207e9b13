/** Reads past the system's memory: the same bytes at any place and of any length, and from the disk. */
import assert from 'node:assert/strict';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/core/errors.js';
import { alignedRun, alignmentBytes, windowBytes } from '../../src/core/memory/aligned-memory.js';
import { systemFileIo } from '../../src/core/system-file-io.js';
import { randomBytes } from '../drive/drive-fixture.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const MiB = 1024 * 1024;

test('a run covers what is wanted from its position on, and no window is exceeded', () => {
  fc.assert(
    fc.property(fc.nat(100 * MiB), fc.integer({ min: 1, max: 5 * MiB }), (position, wanted) => {
      const { start, skip, length } = alignedRun(position, wanted);
      assert.equal(start + skip, position);
      for (const number of [start, length]) assert.equal(number % alignmentBytes, 0);
      assert.ok(length <= windowBytes && length > skip);
      assert.ok(length === windowBytes || start + length >= position + wanted);
    }),
  );
});

test('a cold read gives the bytes of any range, short only at the end', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  const bytes = randomBytes(3 * MiB + 1_234, 7);
  const file = await systemFileIo.open(path, 'create');
  await file.write([bytes], 0);
  await file.close();
  const cold = await systemFileIo.open(path, 'cold');
  t.after(() => cold.close());
  const ranges: [number, number][] = [
    [0, bytes.length],
    [0, bytes.length + 10_000],
    [1, 1],
    [4_095, 2],
    [MiB - 1, MiB + 2],
    [3 * MiB, 5_000],
    [3 * MiB + 1_233, 1],
    [3 * MiB + 1_234, 10],
    [9 * MiB, 10],
  ];
  const read = async ([position, length]: [number, number]) => {
    const buffer = Buffer.alloc(length);
    const count = await cold.read(buffer, position);
    assert.ok(buffer.subarray(0, count).equals(bytes.subarray(position, position + length)), `${position} ${length}`);
    assert.ok(buffer.subarray(count).every((byte) => byte === 0));
  };
  for (const range of ranges) await read(range);
  await Promise.all(ranges.map(read)); // Each has memory of its own.
});

test('what is absent is missing for a cold read too', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  await assert.rejects(systemFileIo.open(path, 'cold'), (error) => hasCode(error, 'FILE_MISSING'));
});

const bytesFetched = async () => Number(/read_bytes: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))![1]);

test('a cold read comes from the disk though the system remembers the file', async (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux tells what was read from disks');
  const path = join(await temporaryFolder(t), 'file');
  const file = await open(path, 'w');
  await file.writeFile(randomBytes(4 * MiB, 1));
  await file.sync();
  await file.close();
  const readAll = async (mode: 'read' | 'cold') => {
    const before = await bytesFetched();
    const opened = await systemFileIo.open(path, mode);
    await opened.read(Buffer.alloc(4 * MiB), 0);
    await opened.close();
    return (await bytesFetched()) - before;
  };
  assert.ok((await readAll('read')) < MiB, 'the system remembers it');
  const fetched = await readAll('cold');
  // A file system in memory has no disk to read from.
  if (fetched === 0 && (await isInMemory(path))) return t.skip('the temporary folder lies in memory');
  assert.ok(fetched >= 4 * MiB, `${fetched} bytes were read from the disk`);
});

async function isInMemory(path: string): Promise<boolean> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '));
  const below = mounts.filter(([, point = '']) => path.startsWith(point === '/' ? '/' : `${point}/`));
  const nearest = below.sort((one, other) => other[1]!.length - one[1]!.length)[0];
  return nearest?.[2] === 'tmpfs';
}
