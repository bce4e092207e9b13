/** A drive that is mounted as a folder, whatever program mounts it, and what people do in such a folder every day. */
import assert from 'node:assert/strict';
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { mustRun } from '../../tools/commands.js';
import type { Workspace } from '../../tools/workspace.js';

export interface MountedFolder {
  readonly path: string;
  /** Returns when everything written has been sent. Absent where a save has been sent when it returns. */
  settle?(): Promise<void>;
  /** Returns when everything written has been sent. Idempotent. */
  close(): Promise<void>;
}

export type Mounter = (workspace: Workspace, url: string) => Promise<MountedFolder>;

export class MountedDrive {
  readonly #connect: () => Promise<MountedFolder>;
  #folder: MountedFolder;

  private constructor(connect: () => Promise<MountedFolder>, folder: MountedFolder) {
    this.#connect = connect;
    this.#folder = folder;
  }

  static async open(mounter: Mounter, workspace: Workspace, url: string): Promise<MountedDrive> {
    const connect = (): Promise<MountedFolder> => mounter(workspace, url);
    return new MountedDrive(connect, await connect());
  }

  path(...names: readonly string[]): string {
    return join(this.#folder.path, ...names);
  }

  /** A new mount, which remembers nothing of the one before. */
  async reconnect(): Promise<void> {
    await this.#folder.close();
    this.#folder = await this.#connect();
  }

  async settle(): Promise<void> {
    await this.#folder.settle?.();
  }

  close(): Promise<void> {
    return this.#folder.close();
  }
}

/** Save, save again, rename, move, delete, free space; all of it is looked at once more through a new mount. */
export async function everyday(context: TestContext, drive: MountedDrive): Promise<void> {
  const text = (...names: string[]): Promise<string> => readFile(drive.path(...names), 'utf8');

  await context.test('make a folder, save, save again', async () => {
    await mkdir(drive.path('Reise', 'Norden'), { recursive: true });
    await writeFile(drive.path('Reise', 'plan.txt'), 'first');
    await writeFile(drive.path('Reise', 'plan.txt'), 'second, and longer');
    assert.equal(await text('Reise', 'plan.txt'), 'second, and longer');
    await writeFile(drive.path('Reise', 'plan.txt'), 'third');
    assert.equal(await text('Reise', 'plan.txt'), 'third');
  });

  await context.test('editors save by a new file that takes the name of the old one', async () => {
    await saveByRename(drive.path('Reise', 'plan.txt'), 'saved by rename');
    await saveWithBackup(drive.path('Reise', 'plan.txt'), 'saved with a backup');
    assert.equal(await text('Reise', 'plan.txt'), 'saved with a backup');
    assert.deepEqual((await readdir(drive.path('Reise'))).sort(), ['Norden', 'plan.txt']);
  });

  await context.test('rename a file, move a folder, delete', async () => {
    await rename(drive.path('Reise', 'plan.txt'), drive.path('Reise', 'Norden', 'Über 100 % #1.txt'));
    // In a folder that was moved, rclone 1.60 shows a file that it has not sent yet as empty until then (on any server).
    await drive.settle();
    await rename(drive.path('Reise'), drive.path('Fahrt'));
    await writeFile(drive.path('Fahrt', 'gone.txt'), 'x');
    await unlink(drive.path('Fahrt', 'gone.txt'));
    assert.equal(await text('Fahrt', 'Norden', 'Über 100 % #1.txt'), 'saved with a backup');
  });

  await context.test('free space', async () => {
    const { blocks, bavail, bsize } = await statfs(drive.path());
    assert.ok(bavail > 0 && blocks >= bavail && blocks * bsize > 1e9, `${bavail} of ${blocks} blocks`);
  });

  await context.test('read back after reconnecting', async () => {
    await drive.reconnect();
    assert.equal(await text('Fahrt', 'Norden', 'Über 100 % #1.txt'), 'saved with a backup');
    assert.deepEqual(await readdir(drive.path('Fahrt')), ['Norden']);
    await assert.rejects(stat(drive.path('Reise')), { code: 'ENOENT' });
    await rm(drive.path('Fahrt'), { recursive: true });
  });
}

/** As gedit, Kate and most programs do. */
async function saveByRename(path: string, content: string): Promise<void> {
  const temporary = `${path}.XQ3V2Z`;
  await writeDurably(temporary, content);
  await rename(temporary, path);
}

/** As vim does: tries whether the folder can be written, moves the old file aside, writes a new one, drops the old. */
async function saveWithBackup(path: string, content: string): Promise<void> {
  const trial = join(path, '..', '4913');
  await writeFile(trial, '');
  await unlink(trial);
  await rename(path, `${path}~`);
  await writeDurably(path, content);
  await unlink(`${path}~`);
}

async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * A repository of 500 files, made in the mount, is whole there and in the next mount. The mount must not lead through
 * this process: to start a program inside the mount blocks it until the mount has answered.
 */
export async function gitRepository(workspace: Workspace, drive: MountedDrive): Promise<void> {
  const home = await workspace.folder('git-home');
  const git = (...args: string[]): Promise<string> =>
    mustRun('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], {
      cwd: drive.path('repository'),
      env: { HOME: home, GIT_CONFIG_NOSYSTEM: '1' },
      timeoutMs: 600_000,
    });
  await mkdir(drive.path('repository', 'files'), { recursive: true });
  await git('init', '--quiet', '.');
  for (let index = 0; index < 500; index++) {
    await writeFile(drive.path('repository', 'files', `file ${index}.txt`), `content ${index}\n`);
  }
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'Five hundred files');
  await git('fsck', '--full', '--strict');
  await drive.reconnect();
  await git('fsck', '--full', '--strict');
  assert.equal(await git('status', '--porcelain'), '');
  assert.equal((await git('ls-files')).trim().split('\n').length, 500);
}

/** What `rsync -a` changed in the drive: its itemized list without the times of folders, which no client can set. */
export async function rsyncInto(drive: MountedDrive, tree: string): Promise<string[]> {
  const said = await mustRun('rsync', ['-a', '--itemize-changes', `${tree}/`, drive.path('synchronized')]);
  return said.split('\n').filter((line) => line !== '' && !line.startsWith('.d..t......'));
}

/** A small tree with a file and a folder of long ago. */
export async function treeToSynchronize(workspace: Workspace): Promise<string> {
  const tree = await workspace.folder('to-synchronize');
  await mkdir(join(tree, 'inner'));
  for (let index = 0; index < 30; index++) {
    await writeFile(join(tree, `${index} ü.txt`), `content ${index}`);
    await writeFile(join(tree, 'inner', `${index}.dat`), Buffer.alloc(index * 1000, index));
  }
  await mustRun('touch', ['--date', '2020-02-03 04:05:06', join(tree, '0 ü.txt'), join(tree, 'inner')]);
  return tree;
}
