/** A disk that failed or was away takes new data as soon as a probe found it well. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { DriveError } from '../../../src/core/errors.js';
import type { FileIo } from '../../../src/core/file-io.js';
import { productionSafety, testSafety } from '../../../src/core/safety-parameters.js';
import { systemFileIo } from '../../../src/core/system-file-io.js';
import { randomBytes, TestDrive } from '../drive-fixture.js';

/** A node that failed gets nothing new for one interval of probes, unless it is known to be well: these tests end before. */
const safety = {
  ...productionSafety,
  ...testSafety,
  probeIntervalMs: 600_000,
  returnProbeIntervalMs: 50,
  retryMs: 60_000,
};

test('what is saved right after a disk came back lies on it', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'], context: { safety } })).open();
  await drive.put('before.txt', 'before');
  await drive.pull('a');
  await drive.untilState('a', 'offline');
  await drive.put('meanwhile.txt', 'meanwhile');
  await drive.plug('a');
  await drive.untilState('a', 'online');
  await assertSavesOnBoth(drive);
  await drive.close();
});

test('what is saved right after a write failed, and a probe did not, lies on both disks', async (t) => {
  const fault = { isArmed: false };
  const fileIo = failingOnce(fault);
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'], context: { safety, fileIo } })).open();
  fault.isArmed = true;
  await drive.put('before.txt', 'before');
  assert.equal(fault.isArmed, false, 'the write was struck');
  await drive.until('a was suspect', () => drive.events.some(({ message }) => message.includes('is suspect')));
  await drive.untilState('a', 'online');
  await assertSavesOnBoth(drive);
  await drive.close();
});

/** The next segment on node a cannot be made. */
function failingOnce(fault: { isArmed: boolean }): FileIo {
  const isStruck = (path: string) => fault.isArmed && path.includes(`${sep}a${sep}`) && path.endsWith('.seg');
  const open: FileIo['open'] = async (path, mode) => {
    if (!isStruck(path)) return systemFileIo.open(path, mode);
    fault.isArmed = false;
    throw new DriveError('NODE_IO', { details: { errno: 'EIO' } });
  };
  return new Proxy<FileIo>(systemFileIo, {
    get: (target, name: keyof FileIo) => (name === 'open' ? open : target[name].bind(target)),
  });
}

async function assertSavesOnBoth(drive: TestDrive): Promise<void> {
  const content = randomBytes(1000);
  await drive.put('after.bin', content);
  const held = await Promise.all(drive.nodePaths.map((path) => isHeld(path, content)));
  assert.deepEqual(held, [true, true]);
}

async function isHeld(nodePath: string, content: Buffer): Promise<boolean> {
  const paths = (await readdir(nodePath, { recursive: true })).filter((path) => path.endsWith('.seg'));
  const segments = await Promise.all(paths.map((path) => readFile(join(nodePath, path))));
  return segments.some((bytes) => bytes.includes(content));
}
