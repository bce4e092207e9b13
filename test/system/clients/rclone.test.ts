/** rclone without a mount, as backups use it: as any server (vendor other), and with times and checksums (owncloud). */
import assert from 'node:assert/strict';
import { appendFile, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { mustRun } from '../tools/commands.js';
import { MiB, missing } from '../tools/requirements.js';
import { contentOf } from '../tools/seeded.js';
import type { Workspace } from '../tools/workspace.js';
import { ClientDrive } from './tools/client-drive.js';

const skip = missing({ tools: ['rclone'] });

for (const vendor of ['other', 'owncloud'] as const) {
  test(`rclone with vendor ${vendor} synchronizes both ways`, { skip, timeout: 1_500_000 }, async (context) => {
    const drive = await ClientDrive.open(context);
    const { workspace, traffic, witness } = drive;
    const rclone = remoteControl(workspace, drive.url, vendor);
    const tree = await makeTree(workspace);
    const putsOf = async (work: () => Promise<unknown>): Promise<number> => {
      const before = traffic.exchanges.length;
      await work();
      return traffic.count('PUT', before);
    };

    await context.test('sync in; a second sync sends nothing', async () => {
      assert.equal(await putsOf(() => rclone('sync', tree, 'drive:tree')), 22);
      assert.equal(await putsOf(() => rclone('sync', tree, 'drive:tree')), 0);
      await rclone('check', '--download', tree, 'drive:tree');
    });

    await context.test('changes, deletions and a moved folder follow', async () => {
      await appendFile(join(tree, 'a', '1 ü.txt'), ' and more');
      await rm(join(tree, 'a', '2 ü.txt'));
      await rename(join(tree, 'b'), join(tree, 'c'));
      await rclone('sync', tree, 'drive:tree');
      await rclone('check', '--download', tree, 'drive:tree');
      await rclone('moveto', 'drive:tree', 'drive:moved');
      assert.deepEqual(await witness.list(''), ['moved/']);
    });

    await context.test('free space; an upload of unknown length; read back by a new process', async () => {
      const about = JSON.parse(await rclone('about', '--json', 'drive:')) as { free: number; used: number };
      assert.ok(about.free > 0 && about.used > 3 * MiB, JSON.stringify(about));
      await mustRun('sh', ['-c', 'printf streamed | "$@"', 'sh', 'rclone', 'rcat', 'drive:stream'], {
        env: environment(workspace, drive.url, vendor),
      });
      assert.equal(await rclone('cat', 'drive:stream'), 'streamed');
      await rclone('copy', 'drive:moved', join(workspace.path, 'back'));
      await mustRun('diff', ['-r', tree, join(workspace.path, 'back')]);
    });

    if (vendor === 'owncloud') {
      await context.test('times are kept', async () => {
        await mustRun('touch', ['--date', '2020-02-03T04:05:06Z', join(tree, 'c', 'big.bin')]);
        await rclone('sync', tree, 'drive:moved');
        const [entry] = JSON.parse(await rclone('lsjson', 'drive:moved/c/big.bin')) as { ModTime: string }[];
        assert.equal(new Date(entry!.ModTime).toISOString(), '2020-02-03T04:05:06.000Z');
        await rclone('copy', 'drive:moved/c/big.bin', join(workspace.path, 'timed'));
        const { mtime } = await stat(join(workspace.path, 'timed', 'big.bin'));
        assert.equal(mtime.toISOString(), '2020-02-03T04:05:06.000Z');
      });

      await context.test('bisync carries changes of both sides', async () => {
        const work = ['--workdir', await workspace.folder('bisync')];
        await rclone('bisync', tree, 'drive:moved', '--resync', ...work);
        await writeFile(join(tree, 'from here'), 'here');
        await witness.must('PUT', 'moved/from there', { body: Buffer.from('there') });
        await rclone('bisync', tree, 'drive:moved', ...work);
        await rclone('check', '--download', tree, 'drive:moved');
        assert.equal(await drive.textOf('moved/from here'), 'here');
        assert.equal((await stat(join(tree, 'from there'))).size, 5);
      });
    }

    await context.test('delete', async () => {
      await rclone('purge', 'drive:moved');
      await rclone('deletefile', 'drive:stream');
      assert.deepEqual(await witness.list(''), []);
    });

    await drive.mustHaveServedWell();
  });
}

const environment = (workspace: Workspace, url: string, vendor: string): Record<string, string> => ({
  RCLONE_CONFIG: join(workspace.path, 'rclone.conf'),
  RCLONE_CONFIG_DRIVE_TYPE: 'webdav',
  RCLONE_CONFIG_DRIVE_URL: url,
  RCLONE_CONFIG_DRIVE_VENDOR: vendor,
});

/** Fails on any retry: a healthy drive gives a client no reason for one. */
function remoteControl(workspace: Workspace, url: string, vendor: string): (...args: string[]) => Promise<string> {
  const env = environment(workspace, url, vendor);
  return (...args) => mustRun('rclone', [...args, '--retries', '1', '--low-level-retries', '1'], { env });
}

/** 22 files in two folders. */
async function makeTree(workspace: Workspace): Promise<string> {
  const tree = await workspace.folder('tree');
  for (const folder of ['a', 'b']) {
    await mkdir(join(tree, folder));
    for (let index = 0; index < 10; index++) {
      await writeFile(join(tree, folder, `${index} ü.txt`), `content ${folder} ${index}`);
    }
  }
  await writeFile(join(tree, 'b', 'big.bin'), contentOf('rclone', 3 * MiB + 5));
  await writeFile(join(tree, 'b', 'odd #1 & 100 %.txt'), '');
  return tree;
}
