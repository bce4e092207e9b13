/**
 * A program that is started once for many tasks: it loads its modules, then forks for each line that it reads, so a task
 * costs no start of Node (250 ms of a processor's time). Each task has a process of its own, which may be killed. When it
 * has ended, a line says how. Without HOLDFAST_FORKS, the compiled test/fault/forks.c, the input is one task.
 */
import { readFileSync, readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';

interface Forks {
  fork(): number;
  wait(child: number): number;
  leave(code: number): never;
}

export interface TaskEnd {
  /** As a shell would see them; one of the two. */
  readonly ended: { readonly code: number | null; readonly signal: number | null };
}

const addon = process.env.HOLDFAST_FORKS;
const forks = addon === undefined ? undefined : (createRequire(import.meta.url)(addon) as Forks);
const pieceBytes = 64 * 1024;

/** Returns in the process of a task. Nothing may be under way: of all threads only this one goes on. */
export function nextTask<Task>(): Task {
  if (!forks) return JSON.parse(readFileSync(0, 'utf8')) as Task;
  for (let line = readLine(); line !== ''; line = readLine()) {
    const child = forks.fork();
    if (child === 0) return JSON.parse(line) as Task;
    if (child < 0) throw new Error('no process can be forked');
    const status = forks.wait(child);
    const signal = status & 0x7f;
    const end: TaskEnd = { ended: signal === 0 ? { code: status >> 8, signal: null } : { code: null, signal } };
    // What was killed may have left half a line.
    writeSync(1, `\n${JSON.stringify(end)}\n`);
  }
  process.exit(0);
}

/** Ends the process of a task, whatever is still open. */
export function leave(code: number): never {
  if (forks) forks.leave(code);
  process.exit(code);
}

/** Empty at the end. */
function readLine(): string {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = Buffer.alloc(pieceBytes);
    const length = readSync(0, piece);
    if (length === 0) return '';
    pieces.push(piece.subarray(0, length));
    if (piece[length - 1] === 0x0a) return Buffer.concat(pieces).toString();
  }
}
