/** A kernel mount of the drive through rclone, with the settings of mount/linux-rclone.sh and a cache of its own. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '../../tools/commands.js';
import { waitUntil } from '../../tools/wait.js';
import { mountPointsBelow, type Workspace } from '../../tools/workspace.js';

let mounts = 0;

export class RcloneMount {
  readonly path: string;
  readonly #workspace: Workspace;
  readonly #cacheFolder: string;

  private constructor(workspace: Workspace, path: string, cacheFolder: string) {
    this.#workspace = workspace;
    this.path = path;
    this.#cacheFolder = cacheFolder;
  }

  static async open(workspace: Workspace, url: string): Promise<RcloneMount> {
    const name = `rclone-${++mounts}`;
    const path = await workspace.folder(name);
    const cacheFolder = await workspace.folder(`${name}-cache`);
    const mount = new RcloneMount(workspace, path, cacheFolder);
    workspace.defer(() => mount.#unmount(['-z']));
    const remote = [':webdav:', path, '--webdav-url', url, '--webdav-vendor', 'owncloud', '--devname', url];
    const cache = ['--vfs-cache-mode', 'full', '--vfs-write-back', '1s', '--cache-dir', cacheFolder];
    const times = ['--dir-cache-time', '5s', '--attr-timeout', '1s', '--timeout', '60s', '--transfers', '8'];
    const log = ['--log-file', join(workspace.path, `${name}.log`), '--config', join(workspace.path, `${name}.conf`)];
    await mustRun('rclone', ['mount', ...remote, ...cache, ...times, ...log, '--daemon', '--daemon-wait', '180s']);
    return mount;
  }

  /** Until the server has everything: rclone notes with each file in its cache whether that is so. A note that is being written is empty. */
  async settle(): Promise<void> {
    const waiting = async (): Promise<boolean> => {
      const notes = readdirSync(join(this.#cacheFolder, 'vfsMeta'), { recursive: true, withFileTypes: true });
      const files = notes.filter((entry) => entry.isFile());
      return files.some(({ parentPath, name }) => !/"Dirty": *false/.test(readIfThere(join(parentPath, name)) ?? sent));
    };
    await waitUntil('rclone has sent everything', async () => !(await waiting()), { timeoutMs: 600_000 });
  }

  /** Returns when everything written has been sent. Idempotent. */
  async close(): Promise<void> {
    if (!mountPointsBelow(this.#workspace.path).includes(this.path)) return;
    await this.settle();
    await this.#unmount([]);
  }

  async #unmount(options: readonly string[]): Promise<void> {
    if (!mountPointsBelow(this.#workspace.path).includes(this.path)) return;
    await mustRun('fusermount3', ['-u', ...options, this.path]);
  }
}

const sent = '"Dirty": false';

/** Notes come and go. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
