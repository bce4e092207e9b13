/** A node's disk that can fall ill and be cured again and again, of three kinds, behind one face. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FaultyDisk } from '../../blocks/tools/faulty-disk.js';
import type { Conduct } from '../../blocks/tools/storage-daemon.js';
import { mustRun, runCommand } from '../../tools/commands.js';
import { LoopDisk } from '../../tools/loop-disk.js';
import { MiB } from '../../tools/requirements.js';
import { waitUntil } from '../../tools/wait.js';
import { mountPointsBelow, type Workspace } from '../../tools/workspace.js';

/** A loop device; a device served by qemu-storage-daemon; a folder behind a file system in user space. */
export type DiskKind = 'loop' | 'served' | 'fuse';

export interface SickDisk {
  readonly path: string;
  /** Of the block device, where there is one. */
  readonly device: string;
  mount(): Promise<void>;
  unmountLazily(): Promise<void>;
  /** Unmounts as soon as nothing is open on it any more, and mounts it again. */
  remount(): Promise<void>;
  /** The same, and its file system is looked over in between. */
  repair(): Promise<void>;
  fall(ill: Conduct | 'hung' | 'killed'): Promise<void>;
  /** Ends 'hung'. Idempotent. */
  wake(): void;
  /** After whatever a process behind the disk did. */
  replug(): Promise<void>;
}

export const diskBytes = 192 * MiB;

export async function makeDisk(workspace: Workspace, kind: DiskKind, name: string): Promise<SickDisk> {
  if (kind === 'fuse') return FuseFolder.create(workspace, name);
  if (kind === 'served') return served(await FaultyDisk.create(workspace, name));
  const disk = await LoopDisk.create(workspace, name, diskBytes);
  const isGone = async () => !disk.isMounted() || (await runCommand('umount', [disk.path])).code === 0;
  const unmount = () => waitUntil('the sick disk can be unmounted', isGone, { timeoutMs: 300_000 });
  return {
    path: disk.path,
    device: disk.device,
    mount: () => disk.mount(),
    unmountLazily: () => disk.unmountLazily(),
    remount: async () => {
      await unmount();
      await disk.mount();
    },
    repair: async () => {
      await unmount();
      await runCommand('e2fsck', ['-f', '-y', disk.device]);
      await disk.mount();
    },
    fall: () => notOfThisKind(),
    wake: () => undefined,
    replug: () => notOfThisKind(),
  };
}

function served(disk: FaultyDisk): SickDisk {
  return {
    path: disk.path,
    device: '',
    mount: () => notOfThisKind(),
    unmountLazily: () => notOfThisKind(),
    remount: () => notOfThisKind(),
    repair: () => notOfThisKind(),
    fall: (ill) => disk.fall(ill),
    wake: () => disk.wake(),
    replug: () => disk.replug(),
  };
}

/** A folder served by `rclone mount`, which stands for a network mount. */
class FuseFolder implements SickDisk {
  readonly path: string;
  readonly device = '';
  readonly #workspace: Workspace;
  readonly #name: string;
  #process: ChildProcess | undefined;

  private constructor(workspace: Workspace, name: string) {
    this.#workspace = workspace;
    this.#name = name;
    this.path = join(workspace.path, name);
  }

  static async create(workspace: Workspace, name: string): Promise<FuseFolder> {
    const folder = new FuseFolder(workspace, name);
    for (const suffix of ['', '-backing', '-cache']) await mkdir(join(workspace.path, name + suffix));
    workspace.defer(() => folder.#end());
    await folder.mount();
    return folder;
  }

  async mount(): Promise<void> {
    const cache = ['--vfs-cache-mode', 'full', '--vfs-write-back', '0s', '--cache-dir', `${this.path}-cache`];
    const times = ['--dir-cache-time', '1000h', '--attr-timeout', '1s', '--poll-interval', '0'];
    const files = ['--config', `${this.path}.conf`, '--log-file', `${this.path}.log`];
    this.#process = spawn('rclone', ['mount', `${this.path}-backing`, this.path, ...cache, ...times, ...files], {
      stdio: 'ignore',
    });
    await waitUntil(`rclone serves ${this.#name}`, async () => this.#isMounted(), { intervalMs: 20 });
  }

  async fall(ill: string): Promise<void> {
    if (ill === 'hung') this.#process!.kill('SIGSTOP');
    else if (ill === 'killed') await this.#kill();
    else throw notOfThisKind();
  }

  wake(): void {
    this.#process?.kill('SIGCONT');
  }

  async replug(): Promise<void> {
    await this.#end();
    await this.mount();
  }

  unmountLazily = notOfThisKind;
  remount = notOfThisKind;
  repair = notOfThisKind;

  async #end(): Promise<void> {
    this.wake();
    if (this.#isMounted()) await mustRun('umount', ['-l', this.path]);
    await this.#kill();
  }

  async #kill(): Promise<void> {
    const process = this.#process;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const ended = once(process, 'exit');
    process.kill('SIGKILL');
    await ended;
  }

  #isMounted(): boolean {
    return mountPointsBelow(this.#workspace.path).includes(this.path);
  }
}

function notOfThisKind(): never {
  throw new Error('this kind of disk does not do that');
}
