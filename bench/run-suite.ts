/**
 * Runs every workload in rounds, each peer in turn within a round and in another order in the next, so that what else
 * the machine does falls on all of them. Between turns the disk is flushed and the server comes to rest, outside the
 * measured time: nobody pays for what another left behind.
 */
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpuSecondsOf } from './client/process-usage.js';
import type { Target } from './client/target.js';
import type { Figure, Values } from './figures.js';
import type { Workload } from './workloads/workload.js';

/** The plain writer's column. */
export const limitName = 'limit';

export interface FigureRounds {
  readonly figure: Figure;
  /** By peer: one value a round. */
  readonly rounds: Readonly<Record<string, readonly number[]>>;
}

export interface SuiteOptions {
  readonly workloads: readonly Workload[];
  readonly targets: readonly Target[];
  readonly rounds: number;
  /** For the plain writer. */
  readonly folder: string;
  readonly note: (message: string) => void;
  /** Ends the run after the turn that is under way. */
  readonly signal: AbortSignal;
}

interface Turn {
  readonly name: string;
  readonly take: () => Promise<Values>;
  readonly settle: () => Promise<void>;
}

export async function runSuite(options: SuiteOptions): Promise<FigureRounds[]> {
  const results: FigureRounds[] = [];
  for (const workload of options.workloads) results.push(...(await runWorkload(workload, options)));
  return results;
}

async function runWorkload(workload: Workload, options: SuiteOptions): Promise<FigureRounds[]> {
  const { targets, rounds, folder, note, signal } = options;
  for (const target of targets) {
    signal.throwIfAborted();
    await workload.prepare?.(target);
    await settle(folder, target.processId);
  }
  const turns = turnsOf(workload, options);
  const taken = new Map<string, Values[]>(turns.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    note(`${workload.name}, round ${round + 1} of ${rounds}`);
    const first = round % turns.length;
    for (const turn of [...turns.slice(first), ...turns.slice(0, first)]) {
      signal.throwIfAborted();
      taken.get(turn.name)!.push(await turn.take());
      await turn.settle();
    }
  }
  return workload.figures.map((figure) => ({ figure, rounds: valuesOf(figure, taken) }));
}

function turnsOf(workload: Workload, { targets, folder }: SuiteOptions): Turn[] {
  const turns: Turn[] = targets.map((target) => ({
    name: target.name,
    take: () => workload.measure(target),
    settle: () => settle(folder, target.processId),
  }));
  if (workload.limit === undefined) return turns;
  const limitFolder = join(folder, 'limit');
  const take = async () => {
    await mkdir(limitFolder);
    return (await workload.limit?.(limitFolder)) ?? {};
  };
  const clear = async () => {
    await rm(limitFolder, { recursive: true });
    await settle(folder);
  };
  return [...turns, { name: limitName, take, settle: clear }];
}

function valuesOf(figure: Figure, taken: ReadonlyMap<string, readonly Values[]>): Record<string, number[]> {
  const rounds: Record<string, number[]> = {};
  for (const [name, values] of taken) {
    const own = values.map((value) => value[figure.id]).filter((value) => value !== undefined);
    if (own.length > 0) rounds[name] = own;
  }
  return rounds;
}

const restSampleMs = 200;
/** A server that takes less than a twentieth of a core has come to rest. */
const restShare = 0.05;
const restLimitMs = 20_000;

async function settle(folder: string, processId?: number): Promise<void> {
  await promisify(execFile)('sync', ['-f', folder]);
  if (processId === undefined) return;
  for (let waitedMs = 0; waitedMs < restLimitMs; waitedMs += restSampleMs) {
    const before = cpuSecondsOf(processId);
    await new Promise((resolve) => setTimeout(resolve, restSampleMs));
    if (cpuSecondsOf(processId) - before <= (restShare * restSampleMs) / 1000) return;
  }
}
