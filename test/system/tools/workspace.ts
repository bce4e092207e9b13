/**
 * One temporary folder for everything a system test leaves on the machine: images, mounts, servers, caches. `close`
 * undoes it all, newest first, whether the test passed or not. What a killed test process left behind is swept away
 * by the next one: the folder's name carries the process id.
 * HOLDFAST_KEEP=1 in the environment keeps the files (never the mounts) for a look after a failure.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { mustRun, runCommand } from './commands.js';

const prefix = 'holdfast-system-';

export class Workspace {
  readonly path: string;
  readonly #undo: (() => Promise<void>)[] = [];

  private constructor(path: string) {
    this.path = path;
  }

  /** Closed after the test, also when it fails or runs out of time. */
  static async create(context: TestContext): Promise<Workspace> {
    await sweepLeftovers();
    const path = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
    // davfs2 gives up its root rights and still has to reach its cache in here.
    await chmod(path, 0o755);
    const workspace = new Workspace(path);
    context.after(() => workspace.close());
    return workspace;
  }

  /** Runs at `close`, newest first. Must be idempotent: the test may have done it itself. */
  defer(undo: () => Promise<void>): void {
    this.#undo.push(undo);
  }

  /** A new empty folder. */
  async folder(name: string): Promise<string> {
    const path = join(this.path, name);
    await mkdir(path, { recursive: true });
    return path;
  }

  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const undo of this.#undo.splice(0).reverse()) await undo().catch((error) => failures.push(error));
    await cleanFolder(this.path);
    if (failures.length > 0) throw new AggregateError(failures, 'cleaning up after the test failed');
  }
}

async function sweepLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const owner = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    const path = join(tmpdir(), name);
    killProcessesNaming(path);
    await cleanFolder(path);
  }
}

/** Unmounts and detaches all that lies below, then removes it. */
async function cleanFolder(path: string): Promise<void> {
  for (const mountPoint of mountPointsBelow(path).reverse()) await runCommand('umount', ['-l', mountPoint]);
  const listed = await runCommand('losetup', ['--list', '--noheadings', '--raw', '--output', 'NAME,BACK-FILE']);
  for (const line of listed.stdout.split('\n')) {
    const [device, file] = line.split(' ');
    if (device && file?.startsWith(`${path}/`)) await runCommand('losetup', ['-d', device]);
  }
  if (process.env.HOLDFAST_KEEP === '1') return;
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}

/** The folder itself too, if something is mounted on it. In the order of mounting. */
export function mountPointsBelow(path: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const points = lines.map((line) => unescapeMountInfo(line.split(' ')[4] ?? ''));
  return points.filter((point) => point === path || point.startsWith(`${path}/`));
}

const unescapeMountInfo = (text: string): string =>
  text.replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

function killProcessesNaming(path: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (words.some((word) => word.startsWith(path))) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // Gone meanwhile.
    }
  }
}

/** Forgets clean cached pages, so that the next read comes from the disk. Waits for every disk of the machine. */
export async function dropCaches(): Promise<void> {
  await mustRun('sync', []);
  await mustRun('sysctl', ['-q', 'vm.drop_caches=3']);
}

/** The same for the file system at `path`; others may hang meanwhile. */
export async function dropCachesOf(path: string): Promise<void> {
  await mustRun('sync', ['-f', path]);
  await mustRun('sysctl', ['-q', 'vm.drop_caches=3']);
}
