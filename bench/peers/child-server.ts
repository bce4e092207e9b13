/** A server as a child process of this one: ends with it, and what it says on stderr is shown when it fails. */
import { type ChildProcess, spawn } from 'node:child_process';

const stopLimitMs = 60_000;

export class ChildServer {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #stderr = '';
  #stdout = '';

  private constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#exited = new Promise((resolve) => this.#child.once('close', () => resolve()));
    this.#child.stderr!.on('data', (bytes: Buffer) => {
      this.#stderr = (this.#stderr + bytes).slice(-4000);
    });
    this.#child.stdout!.on('data', (bytes: Buffer) => {
      this.#stdout = (this.#stdout + bytes).slice(-4000);
    });
  }

  /** Resolves when `isReady` gives something; it is asked again every few milliseconds with what was printed so far. */
  static async start<T>(
    program: string,
    args: readonly string[],
    isReady: (stdout: string) => Promise<T | undefined>,
  ): Promise<{ server: ChildServer; ready: T }> {
    const server = new ChildServer(program, args);
    let problem: string | undefined;
    server.#child.once('error', (error) => {
      problem = error.message;
    });
    void server.#exited.then(() => {
      problem ??= 'it ended at once';
    });
    for (let waitedMs = 0; problem === undefined && waitedMs < 30_000; waitedMs += 20) {
      const ready = await isReady(server.#stdout);
      if (ready !== undefined) return { server, ready };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    server.#child.kill('SIGKILL');
    throw new Error(`${program} did not start (${problem ?? 'no answer in 30 s'}):\n${server.#stderr}`);
  }

  get processId(): number {
    return this.#child.pid!;
  }

  /** Sends the signal and waits for a line that matches; throws when none comes within seconds. */
  async ask(signal: NodeJS.Signals, answer: RegExp): Promise<RegExpExecArray> {
    this.#stdout = '';
    this.#child.kill(signal);
    for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 5) {
      const found = answer.exec(this.#stdout);
      if (found !== null) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`no answer to ${signal}`);
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGINT');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopLimitMs);
    await this.#exited;
    clearTimeout(timer);
  }

  /** As a power cut or the system would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
