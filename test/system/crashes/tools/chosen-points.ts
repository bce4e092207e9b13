/**
 * Which points a run takes. Without anything: those of CI. HOLDFAST_SOAK=1: all of them. HOLDFAST_POINT repeats the
 * points that a failure named: WORKLOAD:KIND:FIRST-LAST, where KIND is that of the test (`cut`, `torn`, ...).
 */
import { fileURLToPath } from 'node:url';
import type { WorkloadName } from './struck/workloads.js';

export const isSoak = process.env.HOLDFAST_SOAK === '1';

export interface PointRange {
  readonly first: number;
  /** Infinity: until the workload ends unstruck. */
  readonly last: number;
}

/** undefined when only other points were asked for. */
export function chosenPoints(workload: WorkloadName, kind: string): PointRange | undefined {
  const asked = process.env.HOLDFAST_POINT;
  if (!asked) return { first: 1, last: Number.POSITIVE_INFINITY };
  const [askedWorkload, askedKind, range = ''] = asked.split(':');
  if (askedWorkload !== workload || askedKind !== kind) return undefined;
  const [first = 1, last = first] = range.split('-').map(Number);
  return { first, last };
}

/** CI strikes one call in so many; HOLDFAST_SOAK=1 strikes all of them. */
const ciStride = 4;

/**
 * How many calls to go on from one point to the next. An opening makes three times as many calls as any other workload,
 * most of them alike (probes, levelling).
 */
export function stepOf(workload: WorkloadName, step = 1): number {
  if (isSoak || process.env.HOLDFAST_POINT) return step;
  return ciStride * step * (workload === 'opening' ? 2 : 1);
}

/** The command that repeats some points of the test file with this `import.meta.url`. */
export function replayCommand(testFile: string, workload: WorkloadName, kind: string) {
  return (first: number, last: number): string =>
    `HOLDFAST_POINT=${workload}:${kind}:${first}-${last} node --test ${fileURLToPath(testFile)}`;
}
