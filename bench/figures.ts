/** What is measured, and how values of several rounds become one. */
export type Unit = 'MiB/s' | 'per s' | 'ms' | 'CPU s/GiB' | 'CPU ms' | 'MiB';

export interface Figure {
  /** Unique in the suite; the name in JSON. */
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  /** Shown with --details only. */
  readonly isDetail?: boolean;
}

/** By figure id; what cannot be measured here is left out. */
export type Values = Readonly<Record<string, number>>;

const moreIsBetter: readonly Unit[] = ['MiB/s', 'per s'];

/** Above 1 when `own` is better. */
export function advantage(unit: Unit, own: number, other: number): number {
  return moreIsBetter.includes(unit) ? own / other : other / own;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The smallest value that at least `share` of all do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!;
}
