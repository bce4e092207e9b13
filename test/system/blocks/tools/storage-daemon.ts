/**
 * Disks in user space: a qemu-storage-daemon exports images as files (by FUSE) on which loop devices can be put. What
 * kernels without device-mapper lack is done there: every write and flush can be recorded, and an image can be made to
 * fail, crawl, hang or die while it is mounted. One process serves all images of one daemon, one request at a time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../tools/commands.js';
import { waitUntil } from '../../tools/wait.js';
import { mountPointsBelow, type Workspace } from '../../tools/workspace.js';
import { Monitor } from './monitor.js';

export const storageDaemonTools = ['qemu-storage-daemon', 'losetup', 'mount', 'umount'] as const;

export interface ServedImage {
  readonly name: string;
  readonly image: string;
  /** Every write and flush is appended here, in the format of dm-log-writes. Not together with faults. */
  readonly log?: string;
}

/** What a disk does. 'well' is how it starts. */
export type Conduct = 'well' | 'no-writes' | 'no-reads' | 'no-flushes' | 'dead' | 'slow';

const slowBytesPerSecond = 256 * 1024;

export class StorageDaemon {
  readonly #process: ChildProcess;
  readonly #workspace: Workspace;
  readonly #names: readonly string[];
  readonly #monitor: Monitor;

  private constructor(workspace: Workspace, process: ChildProcess, names: readonly string[], monitor: Monitor) {
    this.#workspace = workspace;
    this.#process = process;
    this.#names = names;
    this.#monitor = monitor;
  }

  /** Stopped with the workspace; what is mounted on its exports has to be deferred after this. */
  static async start(workspace: Workspace, name: string, images: readonly ServedImage[]): Promise<StorageDaemon> {
    const socket = join(workspace.path, `${name}.sock`);
    const words = [
      // A word that begins with the workspace's path: leftovers of a killed test are found by it.
      ...['--pidfile', join(workspace.path, `${name}.pid`)],
      ...['--chardev', `socket,path=${socket},server=on,wait=off,id=monitor`, '--monitor', 'chardev=monitor'],
      ...['--object', `throttle-group,id=crawl,x-bps-total=${slowBytesPerSecond}`],
    ];
    for (const image of images) {
      await writeFile(exportPath(workspace, image.name), '');
      words.push(...chainOf(image), '--export', exportOf(workspace, image.name));
    }
    const child = spawn('qemu-storage-daemon', words, { stdio: ['ignore', 'ignore', 'pipe'] });
    workspace.defer(() => end(workspace, child, images));
    const errors: Buffer[] = [];
    child.stderr?.on('data', (bytes: Buffer) => errors.push(bytes));
    const mounted = () => images.every((image) => isMounted(workspace, image.name));
    await waitUntil(
      `qemu-storage-daemon serves ${name}`,
      async () => {
        if (child.exitCode !== null) throw new Error(`qemu-storage-daemon ended: ${Buffer.concat(errors)}`);
        return mounted();
      },
      { intervalMs: 10 },
    );
    return new StorageDaemon(
      workspace,
      child,
      images.map((image) => image.name),
      await Monitor.connect(socket),
    );
  }

  /** The file on which a loop device can be put. */
  pathOf(name: string): string {
    return exportPath(this.#workspace, name);
  }

  /** For images without a log. Requests under way end as they began. */
  async behave(name: string, conduct: Conduct): Promise<void> {
    const file = conduct === 'well' ? `file-${name}` : `${conduct}-${name}`;
    await this.#monitor.execute('blockdev-reopen', {
      options: [{ driver: 'raw', 'node-name': `disk-${name}`, file }],
    });
  }

  /** Returns when all threads stand still: what was written is all that is written until `thaw`. Blocks meanwhile. */
  freezeNow(): void {
    const pid = this.#pid();
    process.kill(pid, 'SIGSTOP');
    for (const started = performance.now(); !isStopped(pid); ) {
      if (performance.now() - started > 180_000) throw new Error('qemu-storage-daemon does not stop');
    }
  }

  thaw(): void {
    process.kill(this.#pid(), 'SIGCONT');
  }

  thawIfAlive(): void {
    if (isRunning(this.#process)) this.thaw();
  }

  /** As a pulled plug: whatever is on its disks gets errors from now on. */
  async kill(): Promise<void> {
    await killAndWait(this.#process);
  }

  /** Everything on top must be unmounted. */
  async stop(): Promise<void> {
    this.#monitor.close();
    await end(
      this.#workspace,
      this.#process,
      this.#names.map((name) => ({ name })),
    );
  }

  #pid(): number {
    const { pid } = this.#process;
    if (pid === undefined || !isRunning(this.#process)) throw new Error('qemu-storage-daemon is gone');
    return pid;
  }
}

function chainOf({ name, image, log }: ServedImage): string[] {
  const device = (options: object) => ['--blockdev', JSON.stringify(options)];
  const file = `file-${name}`;
  const words = device({ driver: 'file', 'node-name': file, filename: image, locking: 'off' });
  if (log !== undefined) {
    words.push(...device({ driver: 'file', 'node-name': `log-${name}`, filename: log, locking: 'off' }));
    const recorded = { driver: 'blklogwrites', 'node-name': `disk-${name}`, 'log-sector-size': 512 };
    return [...words, ...device({ ...recorded, file, log: `log-${name}` })];
  }
  const failing = (conduct: Conduct, types: readonly string[]) =>
    device({
      driver: 'blkdebug',
      'node-name': `${conduct}-${name}`,
      image: file,
      'inject-error': types.map((iotype) => ({ event: 'none', iotype, errno: 5 })),
    });
  return [
    ...words,
    ...failing('no-writes', ['write']),
    ...failing('no-reads', ['read']),
    ...failing('no-flushes', ['flush']),
    ...failing('dead', ['read', 'write', 'flush']),
    ...device({ driver: 'throttle', 'node-name': `slow-${name}`, 'throttle-group': 'crawl', file }),
    ...device({ driver: 'raw', 'node-name': `disk-${name}`, file }),
  ];
}

const exportPath = (workspace: Workspace, name: string): string => join(workspace.path, `${name}.blk`);

const exportOf = (workspace: Workspace, name: string): string =>
  `type=fuse,id=export-${name},node-name=disk-${name},mountpoint=${exportPath(workspace, name)},writable=on`;

const isMounted = (workspace: Workspace, name: string): boolean =>
  mountPointsBelow(workspace.path).includes(exportPath(workspace, name));

async function end(workspace: Workspace, child: ChildProcess, images: readonly { readonly name: string }[]) {
  if (isRunning(child)) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    // A frozen one could not end.
    child.kill('SIGCONT');
    await Promise.race([ended, waitUntil('it ends', async () => !isRunning(child), { timeoutMs: 60_000 })]).catch(
      () => undefined,
    );
  }
  await killAndWait(child);
  for (const { name } of images) {
    if (isMounted(workspace, name)) await runCommand('umount', ['-l', exportPath(workspace, name)]);
  }
}

const isRunning = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;

async function killAndWait(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    // The state follows the name, which stands in brackets and may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'T';
  });
}
