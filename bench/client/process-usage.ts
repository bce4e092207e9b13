/** Processor time and memory of a server with all its children, from /proc; nothing where there is none. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux reports times in these whatever the kernel's own tick is. */
const ticksPerSecond = 100;
const sampleEveryMs = 200;

export interface Usage {
  readonly cpuSeconds: number;
  /** Proportional set size, highest sum over the processes. */
  readonly peakBytes: number;
}

export class UsageMeter implements Disposable {
  readonly #processId: number;
  readonly #startSeconds: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #peakBytes = 0;

  constructor(processId: number, { isMemoryWatched }: { readonly isMemoryWatched: boolean }) {
    this.#processId = processId;
    this.#startSeconds = cpuSecondsOf(processId);
    if (isMemoryWatched) this.#timer = setInterval(() => this.#sample(), sampleEveryMs);
  }

  read(): Usage {
    if (this.#timer !== undefined) this.#sample();
    return { cpuSeconds: cpuSecondsOf(this.#processId) - this.#startSeconds, peakBytes: this.#peakBytes };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const sum = family(this.#processId).reduce((total, id) => total + pssBytes(id), 0);
    this.#peakBytes = Math.max(this.#peakBytes, sum);
  }
}

/** A server that takes less of a core has come to rest. */
const restShare = 0.05;

export interface RestOptions {
  /** It rests when it did so for this long. */
  readonly sampleMs: number;
  readonly limitMs: number;
}

/** False when it went on for longer than the limit. */
export async function comesToRest(processId: number, { sampleMs, limitMs }: RestOptions): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += sampleMs) {
    const before = cpuSecondsOf(processId);
    await new Promise((resolve) => setTimeout(resolve, sampleMs));
    if (cpuSecondsOf(processId) - before <= (restShare * sampleMs) / 1000) return true;
  }
  return false;
}

/** User and system time of all threads of the family. */
export function cpuSecondsOf(processId: number): number {
  return family(processId).reduce((total, id) => {
    // The name may hold spaces; after it user and system time are the fields 12 and 13.
    const fields = readProc(`${id}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ');
    return total + (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
  }, 0);
}

function family(processId: number): number[] {
  const members = [processId];
  for (const id of members) {
    for (const thread of listProc(`${id}/task`)) {
      members.push(...readProc(`${id}/task/${thread}/children`).split(' ').map(Number).filter(Boolean));
    }
  }
  return members;
}

function pssBytes(processId: number): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readProc(`${processId}/smaps_rollup`))?.[1] ?? 0) * 1024;
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}

function listProc(path: string): string[] {
  try {
    return readdirSync(`/proc/${path}`);
  } catch {
    return [];
  }
}
