/** One fault at call after call of a workload: processes of some points each, on new disks. */
import type { TestContext } from 'node:test';
import { FaultShim } from '../../tools/fault-shim.js';
import { Workspace } from '../../tools/workspace.js';
import type { PointRange } from './chosen-points.js';
import { CrashDisks } from './crash-disks.js';
import { type ErrorFault, type ErrorMessage, type ErrorTask, nameOf } from './error-task.js';
import { PointRunner } from './point-runner.js';
import type { FaultName } from './struck/fault-control.js';
import type { WorkloadName } from './struck/workloads.js';
import type { Tally } from './tally.js';

export interface ErrorSweepOptions {
  readonly workload: WorkloadName;
  readonly fault: ErrorFault;
  readonly step: number;
  readonly range: PointRange;
  readonly tally: Tally;
  readonly replay: (first: number, last: number) => string;
}

/** What is on a volume is read whole at each point. */
const pointsPerProcess = 25;
const limitMs = 600_000;

export class ErrorSweep {
  readonly #disks: CrashDisks;
  readonly #runner: PointRunner<ErrorTask, ErrorMessage>;

  private constructor(disks: CrashDisks, runner: PointRunner<ErrorTask, ErrorMessage>) {
    this.#disks = disks;
    this.#runner = runner;
  }

  static async create(context: TestContext, action: FaultName): Promise<ErrorSweep> {
    const workspace = await Workspace.create(context);
    const shim = await FaultShim.compile(workspace);
    const disks = await CrashDisks.create(workspace, 'ext4');
    const program = './struck/error-process.js';
    // Only a write can be short; were others counted, the sweep would take them for the workload's end.
    const calls = action === 'short' ? 'write' : undefined;
    return new ErrorSweep(disks, new PointRunner(workspace, shim, { program, folders: disks.paths, calls, limitMs }));
  }

  /** Every `step`-th call of the range, until the workload has no more calls. The number of refused workloads. */
  async run({ workload, fault, step, range, tally, replay }: ErrorSweepOptions): Promise<number> {
    let refused = 0;
    for (let first = range.first; first <= range.last; first += step * pointsPerProcess) {
      await this.#disks.renew();
      const points = Math.min(pointsPerProcess, Math.floor((range.last - first) / step) + 1);
      const { directory, nodePaths } = this.#disks;
      const { control, log } = this.#runner;
      const outcome = await this.#runner.run({
        directory,
        nodePaths,
        control,
        log,
        workload,
        fault,
        first,
        step,
        points,
      });
      let last = first;
      for (const message of outcome.messages) {
        if ('at' in message) last = message.at;
        if (!('point' in message)) continue;
        last = message.point;
        tally.note(message.struck);
        if (message.refused) refused += 1;
      }
      if (outcome.trouble !== undefined) {
        const what = `${workload}, ${nameOf(fault)}, call ${last}`;
        throw new Error(`${what}: ${outcome.trouble}\nrepeat: ${replay(first, last)}`);
      }
      if (outcome.messages.some((message) => 'finished' in message && message.ended)) break;
    }
    return refused;
  }
}
