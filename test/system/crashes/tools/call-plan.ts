/**
 * Which calls of a workload are struck, chosen from the log of a run that was left alone: all but the inner ones of a row of
 * writes into one and the same file, with no sync and no acknowledgement between them; of those one is drawn. A commit of
 * the index writes twice for each page, and nothing of it counts before its last frame; a power cut takes all of such a
 * row in any case, for nothing of it is synced. So the first, the last and one between them meet what the others would meet.
 * HOLDFAST_SOAK=1 strikes every call.
 */
import type { Chance } from '../../tools/seeded.js';
import { shareOfTime } from '../../tools/time-left.js';
import { isSoak, type Point } from './chosen-points.js';
import type { Strike } from './strike-log.js';

/** A workload that had to wait long on a busy machine is full of probes at its end. */
const mostPoints = 300;

export interface CallPlan {
  readonly points: readonly Point[];
  /** What the points stand for. */
  readonly calls: number;
}

export interface PlanOptions {
  readonly chance: Chance;
  /** How many are drawn of the inner calls of a row; default: 1. */
  readonly between?: number | undefined;
  /** Only these are struck; default: all. */
  readonly only?: string | undefined;
  /** The disk whose calls alone are counted and struck. */
  readonly folder?: { readonly index: number; readonly path: string } | undefined;
}

/** `log`: undefined stands where something was acknowledged. */
export function planCalls(
  log: readonly (Strike | undefined)[],
  { chance, between = 1, only, folder }: PlanOptions,
): CallPlan {
  const rows: { readonly strike: Strike; readonly numbers: number[] }[] = [];
  let last: Strike | undefined;
  let number = 0;
  for (const strike of log) {
    const isCounted = strike !== undefined && (!folder || strike.path.startsWith(`${folder.path}/`));
    if (isCounted) number += 1;
    if (isCounted && continues(last, strike)) rows.at(-1)!.numbers.push(number);
    else if (isCounted) rows.push({ strike, numbers: [number] });
    last = strike;
  }
  const wanted = rows.filter(({ strike }) => only === undefined || strike.call === only);
  const chosen = wanted.flatMap(({ numbers }) => (isSoak ? numbers : ends(numbers, between, chance)));
  return {
    points: chosen.slice(0, isSoak ? chosen.length : mostPoints).map((at) => ({ at, folder: folder?.index })),
    calls: wanted.reduce((sum, { numbers }) => sum + numbers.length, 0),
  };
}

const continues = (last: Strike | undefined, { call, path }: Strike): boolean =>
  call === 'write' && last?.call === call && last.path === path;

function ends(numbers: readonly number[], between: number, chance: Chance): number[] {
  if (numbers.length <= 2 + between) return [...numbers];
  const inner = numbers.slice(1, -1);
  const drawn = Array.from({ length: between }, () => inner.splice(chance.below(inner.length), 1)[0]!);
  return [numbers[0]!, ...drawn.sort((a, b) => a - b), numbers.at(-1)!];
}

export type Share = readonly [wanted: number, outOf: number];

/** So many of each `outOf`, evenly spread; more than one of one: all. */
export function thinned(points: readonly Point[], wanted: number, outOf: number): Point[] {
  return isSoak ? [...points] : shareOf(points, [wanted, outOf]);
}

/** The sweeps come last; then the simulation has the processors for itself. */
const simulationMs = 6 * 60_000;

/** For a sweep whose points may take so much of the time that is left when it begins (time-left.ts). */
export const sweepTime = (portion: number): (() => boolean) => shareOfTime(portion, simulationMs);

/** The share of them in any case and first, the others while there is time. */
export function* whileTime(points: readonly Point[], least: Share, hasTime: () => boolean): Generator<Point, void> {
  const first = new Set(shareOf(points, least));
  // Asked before anything is struck: the sweep's time begins.
  let goesOn = hasTime();
  yield* first;
  for (const point of points) {
    if (first.has(point)) continue;
    goesOn &&= hasTime();
    if (!goesOn) return;
    yield point;
  }
}

const shareOf = (points: readonly Point[], [wanted, outOf]: Share): Point[] =>
  points.filter((_, index) => ((index + 1) * wanted) % outOf < wanted);
