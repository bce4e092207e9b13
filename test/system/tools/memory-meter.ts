/** Proportional set size of a process and all its descendants, watched over time. */
import { readdirSync, readFileSync } from 'node:fs';

export class MemoryMeter implements Disposable {
  peakBytes = 0;
  samples = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(rootPid: number, intervalMs = 100) {
    this.#timer = setInterval(() => {
      this.peakBytes = Math.max(this.peakBytes, proportionalBytes(rootPid));
      this.samples++;
    }, intervalMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Sum over the process tree; 0 for processes that ended meanwhile. */
export function proportionalBytes(rootPid: number): number {
  let total = 0;
  for (const pid of processTree(rootPid)) {
    const pss = /^Pss:\s+(\d+) kB$/m.exec(readProc(`${pid}/smaps_rollup`))?.[1];
    total += Number(pss ?? 0) * 1024;
  }
  return total;
}

export function processTree(rootPid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    // The command may hold spaces and brackets: the parent's id is the second field after the last bracket.
    const parent = Number(readProc(`${name}/stat`).split(') ').at(-1)?.split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [rootPid];
  for (let index = 0; index < tree.length; index++) tree.push(...(children.get(tree[index]!) ?? []));
  return tree;
}

function readProc(name: string): string {
  try {
    return readFileSync(`/proc/${name}`, 'utf8');
  } catch {
    return '';
  }
}
