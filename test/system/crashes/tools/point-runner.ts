/** Runs the process of a point with the fault shim loaded, and gathers what it said and what was struck. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultShim } from '../../tools/fault-shim.js';
import type { Workspace } from '../../tools/workspace.js';
import { readCalls, readStrike, type Strike } from './strike-log.js';
import { FaultControl } from './struck/fault-control.js';
import type { StruckProgram } from './struck-program.js';

export interface PointOutcome<Message> {
  readonly messages: readonly Message[];
  readonly struck: Strike | undefined;
  /** Why it ended otherwise than by a clean end or by the fault's kill. */
  readonly trouble: string | undefined;
  readonly wasKilled: boolean;
}

export interface PointRunnerOptions {
  readonly program: StruckProgram;
  readonly folders: readonly string[];
  /** For what fsync does nothing. */
  readonly lie?: string | undefined;
  readonly limitMs: number;
}

export class PointRunner<Task, Message extends object> {
  readonly control: string;
  readonly log: string;
  readonly #program: StruckProgram;
  readonly #limitMs: number;
  readonly #environment: Record<string, string>;
  readonly #children = new Set<ChildProcess>();
  /** Started ahead: it loads its modules while the disks are mounted. */
  #next: ChildProcess | undefined;

  constructor(workspace: Workspace, shim: FaultShim, options: PointRunnerOptions) {
    this.control = join(workspace.path, 'control');
    this.log = join(workspace.path, 'struck.log');
    this.#program = options.program;
    this.#limitMs = options.limitMs;
    const watched = shim.controlled({ ...options, control: this.control, log: this.log });
    this.#environment = { ...watched, UV_THREADPOOL_SIZE: '16', NODE_OPTIONS: '' };
    workspace.defer(() => this.#end());
  }

  /** Not before the process of the point before has ended. */
  startAhead(): void {
    if (this.#next) return;
    writeFileSync(this.log, '');
    FaultControl.make(this.control);
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    this.#next = spawn(process.execPath, [this.#program.path], {
      env: { ...inherited, ...this.#environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#children.add(this.#next);
  }

  async run(task: Task): Promise<PointOutcome<Message>> {
    this.startAhead();
    const child = this.#next!;
    this.#next = undefined;
    const said = Promise.all([textOf(child.stdout!), textOf(child.stderr!)]);
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    const deadline = setTimeout(() => child.kill('SIGABRT'), this.#limitMs);
    // A process that has already ended says so by its exit.
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(JSON.stringify(task));
    const [code, signal] = await ended;
    clearTimeout(deadline);
    this.#children.delete(child);
    const [output, errors] = await said;
    const messages = output
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line) as Message);
    const violation = messages.find((message) => 'violation' in message) as { violation: string } | undefined;
    const wasKilled = signal === 'SIGKILL';
    const isClean = wasKilled || (code === 0 && messages.some((message) => 'finished' in message));
    const end = isClean ? undefined : `ended with ${code ?? signal}`;
    const trouble = violation?.violation ?? (errors || end);
    return {
      messages,
      struck: readStrike(this.log),
      trouble: trouble && this.#program.withSources(trouble),
      wasKilled,
    };
  }

  /** What was counted in the last run; before the next is started. */
  calls(): (Strike | undefined)[] {
    return readCalls(this.log);
  }

  async #end(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
