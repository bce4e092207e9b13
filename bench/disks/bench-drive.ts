/** The program as people run it, over nodes in given folders, to be filled, asked for its status, and stopped. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ControlClient } from '../../src/cli/control-client.js';
import { systemPlatform } from '../../src/core/platform.js';
import type { DriveStatus } from '../../src/drive-status.js';
import { shareOut } from '../client/clients.js';
import { Target } from '../client/target.js';
import { uniqueBody, uniqueBuffer } from '../client/unique-bytes.js';
import { ChildServer } from '../peers/child-server.js';

const program = fileURLToPath(new URL('../../src/launch.cjs', import.meta.url));
const probe = fileURLToPath(new URL('../peers/stall-probe.cjs', import.meta.url));
const waitLimitMs = 20 * 60_000;

/** Runs a command of the program to its end; throws when it fails. */
export async function holdfast(words: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [program, ...words]);
}

export class BenchDrive implements Disposable {
  readonly target: Target;
  readonly #server: ChildServer;
  readonly #control: ControlClient;

  private constructor(server: ChildServer, url: URL, directory: string) {
    const address = { host: url.hostname, port: Number(url.port) };
    const longestStallMs = async () => Number((await server.ask('SIGUSR2', /^stall ([\d.]+)$/m))[1]);
    const peer = { address, basePath: url.pathname, processId: server.processId, description: '', longestStallMs };
    this.#server = server;
    this.target = new Target('holdfast', { ...peer, stop: () => server.stop() });
    this.#control = new ControlClient(systemPlatform.controlAddress(directory));
  }

  /** Two copies; lost ones are made again at once. */
  static async start(folder: string, nodes: readonly string[]): Promise<BenchDrive> {
    const directory = join(folder, 'volume');
    const words = nodes.flatMap((node) => ['--node', node]);
    await holdfast(['init', directory, ...words, '--name', 'bench']);
    return BenchDrive.serve(directory);
  }

  /** Serves a volume that is there. */
  static async serve(directory: string): Promise<BenchDrive> {
    const args = ['--require', probe, program, 'serve', directory, '--port', '0', '--grace', '0', '--json'];
    const { server, ready } = await ChildServer.start(process.execPath, args, async (stdout) => {
      const line = stdout.split('\n', 1)[0]!;
      return stdout.includes('\n') ? (JSON.parse(line) as { url: string }) : undefined;
    });
    return new BenchDrive(server, new URL(ready.url), directory);
  }

  async saveLarge(name: string, sizeBytes: number): Promise<void> {
    await this.target.must({ method: 'PUT', path: this.target.path(name), body: uniqueBody(sizeBytes) });
  }

  async save(names: readonly string[], sizeBytes: number): Promise<void> {
    await shareOut(this.target.connections(4), names.length, (on, index) =>
      this.target.must({ method: 'PUT', path: this.target.path(names[index]!), body: uniqueBuffer(sizeBytes) }, { on }),
    );
  }

  status(): Promise<DriveStatus> {
    return this.#control.call('status', {});
  }

  /** Reads every copy until it is done or aborted. */
  async scrub(signal: AbortSignal): Promise<void> {
    await this.#control.call('scrub', {}, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  async until(what: string, isSo: (status: DriveStatus) => boolean): Promise<DriveStatus> {
    for (const started = performance.now(); performance.now() - started < waitLimitMs; ) {
      const status = await this.status();
      if (isSo(status)) return status;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`it did not happen: ${what}`);
  }

  /** The last event so far that matches, as it was said. */
  async lastEvent(pattern: RegExp): Promise<RegExpExecArray | undefined> {
    let last: RegExpExecArray | undefined;
    await this.#control.call(
      'events',
      { follow: false },
      {
        onEvent: ({ message }) => {
          last = pattern.exec(message) ?? last;
        },
      },
    );
    return last;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  kill(): Promise<void> {
    return this.#server.kill();
  }

  [Symbol.dispose](): void {
    this.target[Symbol.dispose]();
  }
}

export function isWhole({ health, nodes, segments, healing }: DriveStatus): boolean {
  const isCurrent = nodes.every(({ state, behind }) => state === 'online' && behind === 0);
  return health === 'good' && segments.degraded === 0 && healing.queuedSegments === 0 && isCurrent;
}
