/** A real kernel mount (davfs2), a real tree, a disk pulled and given back. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type AwayChanges, copyOverwritten } from './tools/away-changes.js';
import { mustRun } from './tools/commands.js';
import { DavfsMount } from './tools/davfs-mount.js';
import { leftovers, surviveAPulledDisk, type TreeClient } from './tools/pulled-disk.js';
import type { TreeFile } from './tools/real-tree.js';
import { GiB, loopDiskTools, missing } from './tools/requirements.js';
import type { Workspace } from './tools/workspace.js';

const skip = missing({
  tools: [...loopDiskTools, 'mount.davfs', 'diff', 'find'],
  root: true,
  fuse: true,
  freeBytes: 12 * GiB,
});

test('a tree copied through davfs2 outlives a pulled disk', { skip, timeout: 2_400_000 }, (context) =>
  surviveAPulledDisk(context, (workspace, url) => DavfsClient.open(workspace, url)),
);

/** Works in the folder `tree` of the drive, through a mount that stays; compares through a new mount each time. */
class DavfsClient implements TreeClient {
  readonly #workspace: Workspace;
  readonly #url: string;
  readonly #mount: DavfsMount;

  private constructor(workspace: Workspace, url: string, mount: DavfsMount) {
    this.#workspace = workspace;
    this.#url = url;
    this.#mount = mount;
  }

  static async open(workspace: Workspace, url: string): Promise<DavfsClient> {
    const client = new DavfsClient(workspace, url, await DavfsMount.open(workspace, url));
    await mustRun('mkdir', [client.#root]);
    return client;
  }

  get #root(): string {
    return join(this.#mount.path, 'tree');
  }

  async copyIn(tree: string): Promise<void> {
    await this.#copy(`${tree}/.`, this.#root);
  }

  async change(tree: string, changes: AwayChanges): Promise<void> {
    await this.#copy(join(tree, changes.addedFolder), this.#root);
    const overwritten = await this.#workspace.folder('overwritten');
    await copyOverwritten(tree, overwritten, changes);
    await this.#copy(`${overwritten}/.`, this.#root);
    for (const file of changes.deleted) await mustRun('rm', [join(this.#root, file.path)]);
    await mustRun('mv', [join(this.#root, changes.renamed.from), join(this.#root, changes.renamed.to)]);
  }

  async compare(tree: string): Promise<void> {
    const mount = await DavfsMount.open(this.#workspace, this.#url);
    const said = await mustRun('diff', ['-r', tree, join(mount.path, 'tree')], { timeoutMs: 300_000 });
    assert.equal(said, '');
    await mount.close();
  }

  async compareSome(tree: string, files: readonly TreeFile[]): Promise<void> {
    const mount = await DavfsMount.open(this.#workspace, this.#url);
    const root = join(mount.path, 'tree');
    assert.deepEqual(await filesBelow(root), await filesBelow(tree));
    for (const { path } of files) {
      assert.ok((await readFile(join(root, path))).equals(await readFile(join(tree, path))), path);
    }
    await mount.close();
  }

  async close(): Promise<void> {
    assert.deepEqual(await leftovers(this.#mount.path), [], 'davfs2 could not send these files');
    await this.#mount.close();
  }

  async #copy(from: string, to: string): Promise<void> {
    await mustRun('cp', ['-r', from, to], { timeoutMs: 600_000 });
  }
}

/** Paths and sizes of all files. */
async function filesBelow(root: string): Promise<string[]> {
  const said = await mustRun('find', [root, '-type', 'f', '-printf', '%s %P\\0'], { timeoutMs: 300_000 });
  return said.split('\0').sort();
}
