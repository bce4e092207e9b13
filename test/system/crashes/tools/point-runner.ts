/**
 * Runs points, each in a process of its own with the fault shim loaded, and gathers what it said and what was struck. The
 * processes are forked from one that has loaded the program (struck/task-server.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { mustRun } from '../../tools/commands.js';
import type { FaultShim } from '../../tools/fault-shim.js';
import type { Workspace } from '../../tools/workspace.js';
import { readCalls, readStrike, type Strike } from './strike-log.js';
import { FaultControl } from './struck/fault-control.js';
import type { TaskEnd } from './struck/task-server.js';

export interface PointOutcome<Message> {
  readonly messages: readonly Message[];
  readonly struck: Strike | undefined;
  /** Why it ended otherwise than by a clean end or by the fault's kill. */
  readonly trouble: string | undefined;
  readonly wasKilled: boolean;
}

export interface PointRunnerOptions {
  /** A file beside this one. */
  readonly program: string;
  readonly folders: readonly string[];
  /** For what fsync does nothing. */
  readonly lie?: string | undefined;
  readonly limitMs: number;
}

// From dist/test/system/crashes/tools up to the repository.
const source = fileURLToPath(new URL('../../../../../test/fault/forks.c', import.meta.url));

export class PointRunner<Task, Message extends object> {
  readonly control: string;
  readonly log: string;
  readonly #errors: string;
  readonly #limitMs: number;
  readonly #server: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(paths: { control: string; log: string; errors: string }, server: ChildProcess, limitMs: number) {
    this.control = paths.control;
    this.log = paths.log;
    this.#errors = paths.errors;
    this.#limitMs = limitMs;
    this.#server = server;
    this.#lines = createInterface({ input: server.stdout! })[Symbol.asyncIterator]();
  }

  /** The processes do not live long enough for optimised code, and have one thread when they begin. */
  static async create<Task, Message extends object>(
    workspace: Workspace,
    shim: FaultShim,
    { program, limitMs, ...options }: PointRunnerOptions,
  ): Promise<PointRunner<Task, Message>> {
    const at = (name: string) => join(workspace.path, name);
    const paths = { control: at('control'), log: at('struck.log'), errors: at('errors') };
    await mustRun('cc', ['-O2', '-shared', '-fPIC', '-o', at('forks.node'), source]);
    FaultControl.make(paths.control);
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    const watched = shim.controlled({ ...options, ...paths });
    const file = fileURLToPath(new URL(program, import.meta.url));
    const errors = openSync(paths.errors, 'a');
    const server = spawn(process.execPath, ['--no-opt', '--single-threaded', file], {
      env: { ...inherited, ...watched, UV_THREADPOOL_SIZE: '16', NODE_OPTIONS: '', HOLDFAST_FORKS: at('forks.node') },
      stdio: ['pipe', 'pipe', errors],
    });
    closeSync(errors);
    // One that has ended says so by the end of its lines.
    server.stdin!.on('error', () => undefined);
    workspace.defer(() => end(server));
    return new PointRunner(paths, server, limitMs);
  }

  async run(task: Task): Promise<PointOutcome<Message>> {
    for (const file of [this.log, this.#errors]) writeFileSync(file, '');
    FaultControl.make(this.control);
    // The process of the point ends with the one that it was forked from.
    const deadline = setTimeout(() => this.#server.kill('SIGKILL'), this.#limitMs);
    this.#server.stdin!.write(`${JSON.stringify(task)}\n`);
    const messages: Message[] = [];
    let ended: TaskEnd['ended'] | undefined;
    while (ended === undefined) {
      const { value: line, done } = await this.#lines.next();
      if (done) break;
      if (!line.endsWith('}')) continue;
      const message = JSON.parse(line) as Message | TaskEnd;
      if ('ended' in message) ended = message.ended;
      else messages.push(message);
    }
    clearTimeout(deadline);
    const errors = readFileSync(this.#errors, 'utf8');
    const violation = messages.find((message) => 'violation' in message) as { violation: string } | undefined;
    const wasKilled = ended?.signal === constants.signals.SIGKILL;
    const isClean = wasKilled || (ended?.code === 0 && messages.some((message) => 'finished' in message));
    const how = ended
      ? `ended with ${ended.code ?? `signal ${ended.signal}`}`
      : 'did not end in time, or was not begun';
    const trouble = violation?.violation ?? (errors || (isClean ? undefined : how));
    return { messages, struck: readStrike(this.log), trouble, wasKilled };
  }

  /** What was counted in the last run; before the next is started. */
  calls(): (Strike | undefined)[] {
    return readCalls(this.log);
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.kill('SIGKILL');
  await once(server, 'exit');
}
