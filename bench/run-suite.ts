/**
 * Runs every workload in rounds, each peer in turn within a round and in another order in the next, so that what else
 * the machine does falls on all of them. Between turns the disk is flushed and the server comes to rest, outside the
 * measured time: nobody pays for what another left behind.
 */
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { comesToRest } from './client/process-usage.js';
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
  /** Between turns, outside the measured time; see the head of this file. */
  readonly isSettling: boolean;
  /** Names of those whose failure ends the run. Another peer that cannot do some work has no figures for it. */
  readonly strict: ReadonlySet<string>;
  /** Ends the run after the turn that is under way; the workloads before count. */
  readonly signal: AbortSignal;
}

export async function runSuite(options: SuiteOptions): Promise<FigureRounds[]> {
  const results: FigureRounds[] = [];
  for (const workload of options.workloads) {
    try {
      results.push(...(await runWorkload(workload, options)));
    } catch (error) {
      if (!options.signal.aborted) throw error;
      options.note(`stopped in ${workload.name}: only what was measured before is told`);
      break;
    }
  }
  return results;
}

async function runWorkload(workload: Workload, options: SuiteOptions): Promise<FigureRounds[]> {
  const { rounds, note, signal } = options;
  let turns: readonly Turn[] = turnsOf(workload, options);
  const attempt = async (turn: Turn, work: () => Promise<void>) => {
    signal.throwIfAborted();
    try {
      await work();
    } catch (error) {
      if (options.strict.has(turn.name)) throw error;
      note(`WARNING: ${turn.name} is left out of ${workload.name}: ${error instanceof Error ? error.message : error}`);
      turns = turns.filter((each) => each !== turn);
    }
  };
  for (const turn of turns) {
    await attempt(turn, async () => {
      await turn.prepare();
      await settle(options, turn.processId);
    });
  }
  const taken = new Map<string, Values[]>(turns.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    note(`${workload.name}, round ${round + 1} of ${rounds}`);
    const first = round % Math.max(1, turns.length);
    for (const turn of [...turns.slice(first), ...turns.slice(0, first)]) {
      await attempt(turn, async () => {
        taken.get(turn.name)!.push(await turn.take());
        await settle(options, turn.processId);
      });
    }
  }
  const figures = [...workload.figures, stallFigure(workload)];
  return figures
    .map((figure) => ({ figure, rounds: valuesOf(figure, taken) }))
    .filter(({ rounds: values }) => Object.keys(values).length > 0);
}

interface Turn {
  readonly name: string;
  readonly processId?: number;
  readonly prepare: () => Promise<void>;
  readonly take: () => Promise<Values>;
}

function stallFigure({ name }: Workload): Figure {
  return { id: `${name}-stall`, title: '  longest stall of the event loop', unit: 'ms', isDetail: true };
}

function turnsOf(workload: Workload, { targets, folder }: SuiteOptions): Turn[] {
  const turns: Turn[] = targets.map((target) => ({
    name: target.name,
    processId: target.processId,
    prepare: async () => workload.prepare?.(target),
    take: async () => {
      await target.longestStallMs?.();
      const values = await workload.measure(target);
      const stallMs = await target.longestStallMs?.();
      return { ...values, ...(stallMs !== undefined && { [stallFigure(workload).id]: stallMs }) };
    },
  }));
  if (workload.limit === undefined) return turns;
  const limitFolder = join(folder, 'limit');
  const take = async () => {
    await mkdir(limitFolder);
    const values = (await workload.limit?.(limitFolder)) ?? {};
    await rm(limitFolder, { recursive: true });
    return values;
  };
  return [...turns, { name: limitName, prepare: async () => {}, take }];
}

function valuesOf(figure: Figure, taken: ReadonlyMap<string, readonly Values[]>): Record<string, number[]> {
  const rounds: Record<string, number[]> = {};
  for (const [name, values] of taken) {
    const own = values.map((value) => value[figure.id]).filter((value) => value !== undefined);
    if (own.length > 0) rounds[name] = own;
  }
  return rounds;
}

async function settle({ folder, isSettling }: SuiteOptions, processId?: number): Promise<void> {
  if (!isSettling) return;
  await promisify(execFile)('sync', ['-f', folder]);
  if (processId !== undefined) await comesToRest(processId, { sampleMs: 200, limitMs: 20_000 });
}
