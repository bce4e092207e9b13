/** rclone mount with its full cache, as mount/linux-rclone.sh sets it up: times of files are kept (X-OC-Mtime). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missing } from '../tools/requirements.js';
import { ClientDrive } from './tools/client-drive.js';
import { everyday, gitRepository, MountedDrive, rsyncInto, treeToSynchronize } from './tools/mounted-drive.js';
import { RcloneMount } from './tools/rclone-mount.js';

const skip = missing({ tools: ['rclone', 'fusermount3', 'git', 'rsync'], fuse: true });

test('a drive mounted by rclone is a folder like others', { skip, timeout: 2_400_000 }, async (context) => {
  const served = await ClientDrive.open(context);
  const { workspace } = served;
  const drive = await MountedDrive.open(RcloneMount.open, workspace, served.server.url);
  await everyday(context, drive);
  await context.test('git: 500 files, whole here and in the next mount', () => gitRepository(workspace, drive));
  await context.test('rsync -a sends nothing the second time, not even in the next mount', async () => {
    const tree = await treeToSynchronize(workspace);
    assert.ok((await rsyncInto(drive, tree)).length > 60);
    await drive.reconnect();
    assert.deepEqual(await rsyncInto(drive, tree), []);
  });
  await drive.close();
  await served.mustHaveServedWell();
});
