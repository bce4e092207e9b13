/** The real program as child processes: one-shot commands, and a server that is started, stopped, frozen or killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../../../src/cli/control-client.js';
import { systemPlatform } from '../../../src/core/platform.js';
import type { DriveStatus } from '../../../src/drive-status.js';
import { type CommandResult, mustRun, runCommand } from './commands.js';
import { unverifiedSegments } from './unverified-segments.js';
import { waitUntil } from './wait.js';
import type { Workspace } from './workspace.js';

const program = fileURLToPath(new URL('../../../src/launch.cjs', import.meta.url));

/** `holdfast ARGS`, to its end. */
export const holdfast = (...args: string[]): Promise<CommandResult> =>
  runCommand(process.execPath, [program, ...args], { timeoutMs: 300_000 });

/** The same; an exit code other than 0 fails the test with what was said. */
export const mustHoldfast = (...args: string[]): Promise<string> =>
  mustRun(process.execPath, [program, ...args], { timeoutMs: 300_000 });

/**
 * What `status DIR --json` prints. A running server is asked by its control socket, as that command asks it: tests look
 * again and again, and a process for each look takes a fifth of a second of a processor.
 */
export async function driveStatus(directory: string): Promise<DriveStatus> {
  // Whatever goes wrong there, the program says it.
  const server = await ControlClient.find(systemPlatform.controlAddress(directory)).catch(() => undefined);
  const status = await server?.client.call('status', {}).catch(() => undefined);
  return status ?? printedStatus(directory);
}

/** `status DIR --json`; its exit code (4 while degraded) does not matter here. */
async function printedStatus(directory: string): Promise<DriveStatus> {
  const { stdout, stderr, code } = await holdfast('status', directory, '--json');
  try {
    return JSON.parse(stdout) as DriveStatus;
  } catch {
    throw new Error(`status ended with ${code} and printed no JSON: ${stdout}${stderr}`);
  }
}

/** State of the node at a path; the order of nodes in a status says nothing. */
export async function nodeState(directory: string, path: string): Promise<string | undefined> {
  const { nodes } = await driveStatus(directory);
  return nodes.find((node) => node.path === path)?.state;
}

/** Waits until nothing is degraded, every node is online, and every copy that a crash put in doubt was read. */
export function waitUntilWhole(directory: string, timeoutMs = 300_000): Promise<DriveStatus> {
  let last = '';
  return waitUntil(
    'nothing degraded and every node online',
    async () => {
      const status = await driveStatus(directory);
      const unverified = unverifiedSegments(directory);
      last = JSON.stringify({ health: status.health, segments: status.segments, nodes: status.nodes, unverified });
      const online = status.nodes.every((node) => node.state === 'online' && node.behind === 0);
      const isWhole = status.health === 'good' && status.segments.degraded === 0 && unverified.length === 0;
      return online && isWhole ? status : undefined;
    },
    { timeoutMs, intervalMs: 500, describe: () => last },
  );
}

/** `check DIR` must find nothing at all. After a crash, wait until the drive is whole first. */
export async function mustBeSound(directory: string): Promise<void> {
  const { code, stdout, stderr } = await holdfast('check', directory);
  if (code !== 0) throw new Error(`check ended with ${code}:\n${stdout}${stderr}`);
}

/** `check DIR` must find no damage; fewer good copies than wanted may be on their way. */
export async function mustHoldNoDamage(directory: string): Promise<void> {
  const { code, stdout, stderr } = await holdfast('check', directory);
  if (code !== 0 && code !== 4) throw new Error(`check ended with ${code}:\n${stdout}${stderr}`);
}

export interface ServeOptions {
  readonly directory: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

let servers = 0;

export class DriveServer {
  /** The drive's root, with a slash at the end. */
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #logFile: string;

  private constructor(child: ChildProcess, url: string, logFile: string) {
    this.#child = child;
    this.url = url;
    this.#logFile = logFile;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the server said that it is ready. */
  static async start(workspace: Workspace, options: ServeOptions): Promise<DriveServer> {
    const logFile = join(workspace.path, `server-${++servers}.log`);
    const log = createWriteStream(logFile);
    const args = [program, 'serve', options.directory, '--port', '0', '--json', ...(options.args ?? [])];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    workspace.defer(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      // A grandchild may outlive the server and keep the pipes open; it must not keep the test alive.
      child.stdout.destroy();
      child.stderr.destroy();
      log.end();
    });
    child.stderr.pipe(log, { end: false });
    try {
      const url = await readyUrl(child);
      child.stdout.pipe(log, { end: false });
      return new DriveServer(child, url, logFile);
    } catch (error) {
      throw new Error(`${(error as Error).message}; its log:\n${tail(logFile)}`);
    }
  }

  /** Bytes that it has written so far, to clients and disks together. */
  get writtenBytes(): number {
    return Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${this.pid}/io`, 'utf8'))?.[1]);
  }

  /** SIGTERM and a clean end. */
  async stop(): Promise<void> {
    const exited = this.isRunning ? once(this.#child, 'exit') : undefined;
    this.#child.kill('SIGTERM');
    await exited;
    if (this.#child.exitCode !== 0) {
      throw new Error(`the server ended with ${this.#child.exitCode ?? this.#child.signalCode}: ${this.logTail()}`);
    }
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    const exited = this.isRunning ? once(this.#child, 'exit') : undefined;
    this.#child.kill('SIGKILL');
    await exited;
  }

  /** SIGSTOP: from here on it acknowledges nothing. */
  async freeze(): Promise<void> {
    this.#child.kill('SIGSTOP');
    await waitUntil('the server stands still', async () => processState(this.pid) === 'T', { intervalMs: 1 });
  }

  logTail(): string {
    return tail(this.#logFile);
  }
}

const processState = (pid: number): string | undefined =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[0];

function tail(logFile: string): string {
  return readFileSync(logFile, 'utf8').split('\n').slice(-40).join('\n');
}

async function readyUrl(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout! });
  const first = once(lines, 'line', { signal: AbortSignal.timeout(180_000) }).then(([line]) => String(line));
  const line = await Promise.race([first, once(child, 'exit').then(() => undefined)]);
  first.catch(() => {});
  lines.close();
  if (line === undefined) throw new Error('the server ended before it was ready');
  return (JSON.parse(line) as { url: string }).url;
}
