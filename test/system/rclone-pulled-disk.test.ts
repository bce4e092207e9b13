/** The same tree and the same pulled disk through rclone, which works without a mount and several files at a time. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AwayChanges, copyOverwritten } from './tools/away-changes.js';
import { surviveAPulledDisk, type TreeClient } from './tools/pulled-disk.js';
import { Rclone } from './tools/rclone.js';
import type { TreeFile } from './tools/real-tree.js';
import { GiB, loopDiskTools, missing } from './tools/requirements.js';
import type { Workspace } from './tools/workspace.js';

const skip = missing({ tools: [...loopDiskTools, 'rclone'], root: true, freeBytes: 12 * GiB });

test('a tree copied by rclone outlives a pulled disk', { skip, timeout: 2_400_000 }, (context) =>
  surviveAPulledDisk(context, async (workspace, url) => new RcloneClient(workspace, url)),
);

class RcloneClient implements TreeClient {
  readonly #workspace: Workspace;
  readonly #rclone: Rclone;

  constructor(workspace: Workspace, url: string) {
    this.#workspace = workspace;
    this.#rclone = new Rclone(url, join(workspace.path, 'rclone.conf'));
  }

  async copyIn(tree: string): Promise<void> {
    await this.#rclone.must('copy', '--transfers', '12', tree, 'drive:tree');
  }

  async change(tree: string, changes: AwayChanges): Promise<void> {
    await this.#rclone.must('copy', join(tree, changes.addedFolder), `drive:tree/${changes.addedFolder}`);
    const overwritten = await this.#workspace.folder('overwritten');
    await copyOverwritten(tree, overwritten, changes);
    await this.#rclone.must('copy', '--ignore-times', overwritten, 'drive:tree');
    const list = join(this.#workspace.path, 'deleted.txt');
    await writeFile(list, changes.deleted.map((file) => file.path).join('\n'));
    await this.#rclone.must('delete', '--files-from-raw', list, 'drive:tree');
    await this.#rclone.must('moveto', `drive:tree/${changes.renamed.from}`, `drive:tree/${changes.renamed.to}`);
  }

  async compare(tree: string): Promise<void> {
    await this.#rclone.must('check', '--download', '--checkers', '12', tree, 'drive:tree');
  }

  async compareSome(tree: string, files: readonly TreeFile[]): Promise<void> {
    await this.#rclone.must('check', '--size-only', tree, 'drive:tree');
    const list = join(this.#workspace.path, 'compared.txt');
    await writeFile(list, files.map((file) => file.path).join('\n'));
    await this.#rclone.must('check', '--download', '--checkers', '12', '--files-from-raw', list, tree, 'drive:tree');
  }

  async close(): Promise<void> {}
}
