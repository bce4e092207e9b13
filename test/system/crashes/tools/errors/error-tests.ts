/** One test for each kind of error, and one that counts them all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GiB, loopDiskTools, missing } from '../../../tools/requirements.js';
import { Chance, runSeed } from '../../../tools/seeded.js';
import { isHurried, tellReached } from '../../../tools/time-left.js';
import { planCalls, type Share, sweepTime, thinned, whileTime } from '../call-plan.js';
import { askedPoints, type Point, replayCommand } from '../chosen-points.js';
import type { Strike } from '../strike-log.js';
import type { FaultName, Lasting } from '../struck/fault-control.js';
import type { WorkloadName } from '../struck/workloads.js';
import { Tally } from '../tally.js';
import { ErrorSweep } from './error-sweep.js';
import { type ErrorFault, nameOf } from './error-task.js';

export interface ErrorPlan extends ErrorFault {
  /** Of the calls that call-plan.ts chooses. */
  readonly share: Share;
  /** Default: all of `struckByErrors`. */
  readonly workloads?: readonly WorkloadName[];
}

export const struckByErrors: readonly WorkloadName[] = [
  'put-new',
  'put-overwrite',
  'put-large',
  'copy',
  'move-overwrite',
  'delete-tree',
  'properties-and-locks',
  'opening',
];
/** An interruption for good is none that a disk could cause. */
export const lastingly = (action: FaultName): Lasting => (action === 'EINTR' ? 'a-while' : 'for-good');

/** Each of these errors at every call of every workload, wherever it comes from: for HOLDFAST_SOAK=1. */
export const everywhere = (actions: readonly FaultName[]): ErrorPlan[] =>
  actions.flatMap((action) =>
    (['once', lastingly(action)] as const).flatMap((lasting) =>
      (['all', 'index', 'node'] as const).map((scope) => ({ action, lasting, scope, share: [1, 1] as const })),
    ),
  );

/** In a hurry (time-left.ts) this share of a plan comes first. */
const least: Share = [1, 6];
/** Of the time that is left when they begin: other sweeps begin when they have ended. */
const portion = 0.8;
/** More are planned than have to strike: what a busy machine makes shorter has no such call. */
const spare = 1.12;

const isFirst = <T>(item: T, at: number, all: readonly T[]): boolean => all.indexOf(item) === at;

export interface FewestPoints {
  readonly hurried: number;
  readonly all: number;
}

/** Fails when fewer points than these were struck in all. */
export function testErrors(testFile: string, plans: readonly ErrorPlan[], fewest: FewestPoints): void {
  const skip = missing({ tools: [...loopDiskTools, 'cc'], root: true, freeBytes: GiB });
  const calls = new PlannedCalls(testFile, plans, fewest.all);
  const hasTime = sweepTime(portion);
  let points = 0;
  for (const plan of plans) {
    const { share, workloads = struckByErrors, ...fault } = plan;
    const kind = nameOf(fault);
    const asked = workloads.flatMap((workload) => {
      const wanted = askedPoints(workload, kind);
      return wanted ? [{ workload, wanted }] : [];
    });
    if (asked.length === 0) continue;
    test(`${kind} at ${share[0]} point in ${share[1]}`, { skip, timeout: 3_600_000 }, async (context) => {
      const sweep = await ErrorSweep.create(context);
      const tally = new Tally();
      let refused = 0;
      for (const { workload, wanted } of asked) {
        const replay = replayCommand(testFile, workload, kind);
        const chosen = wanted === 'all' ? await calls.choose(plan, workload, sweep) : wanted;
        refused += await sweep.run({ workload, fault, points: whileTime(chosen, least, hasTime), tally, replay });
      }
      tally.tell(context, `${kind} (${refused} refused)`);
      points += tally.points;
    });
  }
  test('enough errors struck', { skip: skip || Boolean(process.env.HOLDFAST_POINT) }, (context) => {
    tellReached(
      context,
      `errors (${plans
        .map(({ action }) => action)
        .filter(isFirst)
        .join(', ')})`,
      points,
      fewest.all,
    );
    assert.ok(points >= (isHurried ? fewest.hurried : fewest.all), `only ${points} points`);
  });
}

/** The calls of the workloads, each run once, and which of them are struck. */
class PlannedCalls {
  readonly #testFile: string;
  readonly #plans: readonly ErrorPlan[];
  readonly #wanted: number;
  readonly #chance = new Chance(runSeed());
  /** With the number of its disk before each path: other sweeps have other disks. */
  readonly #known = new Map<WorkloadName, readonly (Strike | undefined)[]>();
  #planned: number | undefined;

  constructor(testFile: string, plans: readonly ErrorPlan[], aim: number) {
    this.#testFile = testFile;
    this.#plans = plans;
    this.#wanted = Math.ceil(aim * spare);
  }

  /** Of all plans the same share, so that together they strike what they aim at and little more. */
  async choose(plan: ErrorPlan, workload: WorkloadName, sweep: ErrorSweep): Promise<Point[]> {
    this.#planned ??= await this.#countAll(sweep);
    return thinned(await this.#points(plan, workload, sweep), this.#wanted, this.#planned);
  }

  async #countAll(sweep: ErrorSweep): Promise<number> {
    let count = 0;
    for (const plan of this.#plans) {
      for (const workload of plan.workloads ?? struckByErrors) {
        count += (await this.#points(plan, workload, sweep)).length;
      }
    }
    return count;
  }

  async #points({ action, scope, share }: ErrorPlan, workload: WorkloadName, sweep: ErrorSweep): Promise<Point[]> {
    const calls = this.#known.get(workload) ?? (await this.#find(workload, sweep));
    this.#known.set(workload, calls);
    // Only a write can be short.
    const only = action === 'short' ? 'write' : undefined;
    const disks = sweep.paths.map((_, index) => ({ index, path: `${index}` }));
    const scoped = scope === 'all' ? [undefined] : scope === 'index' ? disks.slice(0, 1) : disks.slice(1);
    const points = scoped.flatMap((folder) => [...planCalls(calls, { chance: this.#chance, only, folder }).points]);
    return thinned(points, ...share);
  }

  async #find(workload: WorkloadName, sweep: ErrorSweep): Promise<(Strike | undefined)[]> {
    const found = await sweep.calls(workload, replayCommand(this.#testFile, workload, 'calls'));
    return found.map((strike) => {
      if (!strike) return undefined;
      const index = sweep.paths.findIndex((path) => strike.path.startsWith(`${path}/`));
      return index < 0 ? strike : { ...strike, path: `${index}${strike.path.slice(sweep.paths[index]!.length)}` };
    });
  }
}
