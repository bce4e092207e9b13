/**
 * What is large, through davfs2. It keeps whole files in its cache, sends one request after the other, four for a new
 * file, and lists a folder again when its time changed: most of the 10,000 are put there past it, to save minutes.
 */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { DavfsMount } from '../tools/davfs-mount.js';
import { leftovers } from '../tools/pulled-disk.js';
import { missing } from '../tools/requirements.js';
import { ClientDrive } from './tools/client-drive.js';
import { checkBigFile, freeBytesForBigFile, nameOf, putMany, writeBigFile } from './tools/large-things.js';
import { MountedDrive } from './tools/mounted-drive.js';

const needs = { tools: ['mount.davfs'], root: true, fuse: true, freeBytes: freeBytesForBigFile };
const options = { skip: missing(needs), timeout: 2_400_000 };

test('10,000 files in one folder, and a file of 5 GiB, through davfs2', options, async (context) => {
  const served = await ClientDrive.open(context);
  const names = await putMany(served.witness, 'many', 9_900);
  const drive = await MountedDrive.open(DavfsMount.open, served.workspace, served.server.url);

  await context.test('a folder of 9,900 files takes 100 more, and all are there in the next mount', async () => {
    for (let index = names.length; index < 10_000; index++) {
      names.push(nameOf(index));
      await writeFile(drive.path('many', nameOf(index)), nameOf(index));
    }
    await drive.reconnect();
    assert.deepEqual((await readdir(drive.path('many'))).sort(), names);
    for (const name of names.filter((_, index) => index % 500 === 499)) {
      assert.equal(await readFile(drive.path('many', name), 'utf8'), name);
    }
    await rm(drive.path('many', names[0]!));
    assert.equal((await served.witness.list('many/')).length, 9_999);
  });

  await context.test('a file of 5 GiB is saved, and read back through the next mount', async () => {
    await writeBigFile(drive, 'big.img');
    await drive.reconnect();
    await checkBigFile(drive, 'big.img');
  });

  assert.deepEqual(await leftovers(drive.path()), [], 'davfs2 could not send these files');
  await drive.close();
  await served.mustHaveServedWell();
});
