/**
 * A kernel mount of the drive through davfs2, with a cache of its own each time, so that a new mount shows what the
 * server has and not what the client remembers.
 */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, runCommand } from './commands.js';
import { mountPointsBelow, type Workspace } from './workspace.js';

// buf_size below 64 makes listings fail with EINVAL on recent kernels; delay_upload 0 sends a file at its close.
const settings = (cacheFolder: string, secretsFile: string) => `
ask_auth 0
secrets ${secretsFile}
use_locks 1
lock_refresh 60
buf_size 64
delay_upload 0
cache_dir ${cacheFolder}
cache_size 300
table_size 16384
dir_refresh 60
file_refresh 0
retry 5
max_retry 20
`;

let mounts = 0;

export class DavfsMount {
  readonly path: string;
  readonly #parent: string;

  private constructor(parent: string, path: string) {
    this.#parent = parent;
    this.path = path;
  }

  static async open(workspace: Workspace, url: string): Promise<DavfsMount> {
    const name = `davfs-${++mounts}`;
    const path = await workspace.folder(name);
    const cacheFolder = await workspace.folder(`${name}-cache`);
    const configurationFile = join(workspace.path, `${name}.conf`);
    const secretsFile = join(workspace.path, `${name}.secrets`);
    await writeFile(secretsFile, `${url} nobody nothing\n`);
    await chmod(secretsFile, 0o600);
    await mustRun('chown', ['root:davfs2', cacheFolder]);
    await chmod(cacheFolder, 0o770);
    await writeFile(configurationFile, settings(cacheFolder, secretsFile));
    const mount = new DavfsMount(workspace.path, path);
    workspace.defer(() => mount.close());
    await mustRun('mount', ['-t', 'davfs', '-o', `conf=${configurationFile},uid=0,gid=0`, url, path]);
    return mount;
  }

  /** Returns when everything written has been sent. Idempotent. */
  async close(): Promise<void> {
    if (!mountPointsBelow(this.#parent).includes(this.path)) return;
    const { code, stderr } = await runCommand('umount', [this.path], { timeoutMs: 600_000 });
    if (code === 0) return;
    await runCommand('umount', ['-l', this.path]);
    throw new Error(`unmounting ${this.path} failed: ${stderr}`);
  }
}
