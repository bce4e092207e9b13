/** Many seeds on several processes; each is handed the next seed when it is done with one. */
import { type ChildProcess, fork } from 'node:child_process';
import type { SimulationOptions, SimulationResult } from './engine-simulation.js';

export interface SeedOrder {
  readonly seed: number;
  readonly options: SimulationOptions;
}

export interface SeedAnswer extends Omit<SimulationResult, 'faults'> {
  readonly seed: number;
  readonly faults: readonly (readonly [string, number])[];
}

export interface PoolOptions {
  readonly workers: number;
  /** undefined: no more. */
  readonly nextSeed: () => number | undefined;
  readonly options?: SimulationOptions;
  readonly onSeed?: (answer: SeedAnswer) => void;
  /** Beside others, on what they leave of the processors (Linux). */
  readonly isAside?: boolean;
}

const counted = ['acknowledged', 'locked', 'crashes', 'states', 'refusals', 'operations', 'steps'] as const;

export interface PoolTotals extends Record<(typeof counted)[number], number> {
  seeds: number;
  readonly failed: SeedAnswer[];
  readonly faults: Map<string, number>;
}

/** What a state leaves is many small things that die at once; and every processor has a worker of its own. */
const execArgv = ['--single-threaded-gc', '--max-semi-space-size=64'];

export async function simulateSeeds(pool: PoolOptions): Promise<PoolTotals> {
  const totals: PoolTotals = {
    seeds: 0,
    failed: [],
    faults: new Map(),
    acknowledged: 0,
    locked: 0,
    crashes: 0,
    states: 0,
    refusals: 0,
    operations: 0,
    steps: 0,
  };
  const note = (answer: SeedAnswer) => {
    totals.seeds++;
    for (const key of counted) totals[key] += answer[key];
    for (const [fault, met] of answer.faults) totals.faults.set(fault, (totals.faults.get(fault) ?? 0) + met);
    if (answer.problems.length > 0) totals.failed.push(answer);
    pool.onSeed?.(answer);
  };
  await Promise.all(Array.from({ length: pool.workers }, () => work(pool, note)));
  return totals;
}

async function work(
  { nextSeed, options = {}, isAside }: PoolOptions,
  note: (answer: SeedAnswer) => void,
): Promise<void> {
  const aside = { execPath: 'chrt', execArgv: ['--idle', '0', process.execPath, ...execArgv] };
  const child = fork(new URL('./simulation-worker.js', import.meta.url), isAside ? aside : { execArgv });
  try {
    for (let seed = nextSeed(); seed !== undefined; seed = nextSeed()) note(await ask(child, { seed, options }));
  } finally {
    if (child.connected) child.disconnect();
  }
}

/** A seed that takes its process with it has failed. */
function ask(child: ChildProcess, order: SeedOrder): Promise<SeedAnswer> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null) =>
      reject(new Error(`seed ${order.seed} ended its process (${code ?? signal})`));
    child.once('exit', onExit);
    child.once('message', (answer) => {
      child.off('exit', onExit);
      resolve(answer as SeedAnswer);
    });
    child.send(order);
  });
}

export function describeTotals(totals: PoolTotals, seconds: number): string {
  const { seeds, states, crashes, acknowledged, locked, refusals, failed, faults } = totals;
  const met = [...faults].sort(([, a], [, b]) => b - a).map(([fault, count]) => `${fault} ${count}`);
  return [
    `${seeds} seeds, ${crashes} lives, ${states} distinct crash states opened and looked at in ${seconds.toFixed(0)} s`,
    `${acknowledged} changes acknowledged (${locked} locks), ${refusals} states refused for want of a disk, ${failed.length} seeds failed`,
    `met: ${met.join(', ')}`,
  ].join('\n');
}

export function describeFailure({ seed, problems }: SeedAnswer): string {
  return `seed ${seed}: ${problems.map((problem) => problem.split('\n').slice(0, 6).join('\n')).join('\n  ')}`;
}
