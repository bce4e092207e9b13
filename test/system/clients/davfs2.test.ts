/** davfs2: a kernel mount that takes a lock for each file it writes, makes new files by LOCK, and never sends times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DavfsMount } from '../tools/davfs-mount.js';
import { leftovers } from '../tools/pulled-disk.js';
import { missing } from '../tools/requirements.js';
import { ClientDrive } from './tools/client-drive.js';
import { everyday, gitRepository, MountedDrive, rsyncInto, treeToSynchronize } from './tools/mounted-drive.js';

const skip = missing({ tools: ['mount.davfs', 'git', 'rsync'], root: true, fuse: true });

test('a drive mounted by davfs2 is a folder like others', { skip, timeout: 2_400_000 }, async (context) => {
  const served = await ClientDrive.open(context);
  const { workspace } = served;
  const drive = await MountedDrive.open(DavfsMount.open, workspace, served.server.url);
  await everyday(context, drive);
  await context.test('git: 500 files, whole here and in the next mount', () => gitRepository(workspace, drive));
  await context.test('rsync -a twice in one mount sends nothing the second time', async () => {
    const tree = await treeToSynchronize(workspace);
    assert.ok((await rsyncInto(drive, tree)).length > 60);
    assert.deepEqual(await rsyncInto(drive, tree), []);
  });
  assert.deepEqual(await leftovers(drive.path()), [], 'davfs2 could not send these files');
  await drive.close();
  await served.mustHaveServedWell();
});
