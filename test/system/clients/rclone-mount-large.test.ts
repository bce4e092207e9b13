/**
 * What is large, through rclone mount. rclone sends at most 100 requests a second, four or so for a new file: 10,000 of
 * its own would take seven minutes on any server. So they are put there past it, and it works among them.
 */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { missing } from '../tools/requirements.js';
import { ClientDrive } from './tools/client-drive.js';
import { checkBigFile, freeBytesForBigFile, putMany, writeBigFile } from './tools/large-things.js';
import { MountedDrive } from './tools/mounted-drive.js';
import { RcloneMount } from './tools/rclone-mount.js';

const needs = { tools: ['rclone', 'fusermount3'], fuse: true, freeBytes: freeBytesForBigFile };
const options = { skip: missing(needs), timeout: 2_400_000 };

test('10,000 files in one folder, and a file of 5 GiB, through rclone mount', options, async (context) => {
  const served = await ClientDrive.open(context);
  const names = await putMany(served.witness, 'many', 10_000);
  const drive = await MountedDrive.open(RcloneMount.open, served.workspace, served.server.url);

  await context.test('a folder of 10,000 files is listed, read, added to and deleted from', async () => {
    assert.deepEqual((await readdir(drive.path('many'))).sort(), names);
    for (const name of names.filter((_, index) => index % 500 === 499)) {
      assert.equal(await readFile(drive.path('many', name), 'utf8'), name);
    }
    for (let index = 0; index < 30; index++) await writeFile(drive.path('many', `more ${index}`), 'more');
    for (const name of names.slice(0, 20)) await rm(drive.path('many', name));
    await drive.reconnect();
    assert.equal((await readdir(drive.path('many'))).length, 10_010);
    assert.equal((await served.witness.list('many/')).length, 10_010);
  });

  await context.test('a file of 5 GiB is saved, and read back through the next mount', async () => {
    await writeBigFile(drive, 'big.img');
    await drive.reconnect();
    await checkBigFile(drive, 'big.img');
  });

  await drive.close();
  await served.mustHaveServedWell();
});
