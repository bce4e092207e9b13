/**
 * Which points a run takes. Without anything: what the plan of calls says. HOLDFAST_SOAK=1: every call. HOLDFAST_POINT repeats
 * the points that a failure named: WORKLOAD:KIND:POINTS, where KIND is that of the test (`cut`, `torn`, ...) and POINTS
 * are numbers of calls, `7,12-15`, for one disk `7@2`.
 */
import { fileURLToPath } from 'node:url';
import type { WorkloadName } from './struck/workloads.js';

export const isSoak = process.env.HOLDFAST_SOAK === '1';

export interface Point {
  /** Number of the call, from 1. */
  readonly at: number;
  /** Index of the only disk whose calls count; absent: those of all count. */
  readonly folder?: number | undefined;
}

export const formatPoint = ({ at, folder }: Point): string => (folder === undefined ? `${at}` : `${at}@${folder}`);

/** 'all' when none were asked for; undefined when others were. */
export function askedPoints(workload: WorkloadName, kind: string): readonly Point[] | 'all' | undefined {
  const asked = process.env.HOLDFAST_POINT;
  if (!asked) return 'all';
  const [askedWorkload, askedKind, points = ''] = asked.split(':');
  if (askedWorkload !== workload || askedKind !== kind) return undefined;
  return points.split(',').flatMap((text) => {
    const [range = '', disk] = text.split('@');
    const [first = 1, last = first] = range.split('-').map(Number);
    const folder = disk === undefined ? undefined : Number(disk);
    return Array.from({ length: last - first + 1 }, (_, index) => ({ at: first + index, folder }));
  });
}

/** The command that repeats some points of the test file with this `import.meta.url`. */
export function replayCommand(testFile: string, workload: WorkloadName, kind: string) {
  return (points: readonly Point[]): string =>
    `HOLDFAST_POINT=${workload}:${kind}:${points.map(formatPoint).join(',')} node --test ${fileURLToPath(testFile)}`;
}
