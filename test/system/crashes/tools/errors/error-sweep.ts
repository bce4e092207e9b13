/** One fault at call after call of a workload: processes of some points each, on new disks. */
import type { TestContext } from 'node:test';
import { FaultShim } from '../../../tools/fault-shim.js';
import { Workspace } from '../../../tools/workspace.js';
import { formatPoint, type Point } from '../chosen-points.js';
import { CrashDisks } from '../crash-disks.js';
import { PointRunner } from '../point-runner.js';
import type { Strike } from '../strike-log.js';
import type { WorkloadName } from '../struck/workloads.js';
import { StruckProgram } from '../struck-program.js';
import type { Tally } from '../tally.js';
import { type ErrorFault, type ErrorMessage, type ErrorTask, nameOf } from './error-task.js';

export interface ErrorSweepOptions {
  readonly workload: WorkloadName;
  readonly fault: ErrorFault;
  readonly points: Iterable<Point>;
  readonly tally: Tally;
  readonly replay: (points: readonly Point[]) => string;
}

const pointsPerProcess = 40;
const limitMs = 1_200_000;
const never: Point = { at: Number.MAX_SAFE_INTEGER };

export class ErrorSweep {
  readonly #disks: CrashDisks;
  readonly #runner: PointRunner<ErrorTask, ErrorMessage>;

  private constructor(disks: CrashDisks, runner: PointRunner<ErrorTask, ErrorMessage>) {
    this.#disks = disks;
    this.#runner = runner;
  }

  static async create(context: TestContext): Promise<ErrorSweep> {
    const workspace = await Workspace.create(context);
    const shim = await FaultShim.compile(workspace);
    const disks = await CrashDisks.create(workspace, 'ext4');
    const program = await StruckProgram.write(workspace, 'error-process');
    return new ErrorSweep(disks, new PointRunner(workspace, shim, { program, folders: disks.paths, limitMs }));
  }

  /** The disks by their index in a point: the index's, then the nodes'. */
  get paths(): readonly string[] {
    return this.#disks.paths;
  }

  /** The calls of the workload, when nothing fails. */
  async calls(workload: WorkloadName, replay: ErrorSweepOptions['replay']): Promise<(Strike | undefined)[]> {
    const fault: ErrorFault = { action: 'EIO', lasting: 'once', scope: 'all' };
    await this.#runAll([never, never], { workload, fault, replay });
    return this.#runner.calls();
  }

  /** The number of refused workloads. */
  async run({ points, tally, ...options }: ErrorSweepOptions): Promise<number> {
    let refused = 0;
    for (const some of portions(points, pointsPerProcess)) {
      for (const message of await this.#runAll(some, options)) {
        if (!('struck' in message) || !message.struck) continue;
        tally.note(message.struck);
        if (message.refused) refused += 1;
      }
    }
    return refused;
  }

  async #runAll(
    points: readonly Point[],
    { workload, fault, replay }: Pick<ErrorSweepOptions, 'workload' | 'fault' | 'replay'>,
  ): Promise<readonly ErrorMessage[]> {
    await this.#disks.renew();
    const { directory, nodePaths } = this.#disks;
    const { control, log } = this.#runner;
    const task: ErrorTask = { directory, nodePaths, control, log, workload, fault, points };
    const { messages, trouble } = await this.#runner.run(task);
    if (trouble === undefined) return messages;
    const last = messages.findLast((message) => 'point' in message)?.point ?? 0;
    const what = `${workload}, ${nameOf(fault)}, call ${formatPoint(points[last]!)}`;
    throw new Error(`${what}: ${trouble}\nrepeat: ${replay(points.slice(0, last + 1))}`);
  }
}

/** Asks for the next ones only when they are wanted. */
function* portions<T>(items: Iterable<T>, size: number): Generator<readonly T[]> {
  let portion: T[] = [];
  for (const item of items) {
    portion.push(item);
    if (portion.length < size) continue;
    yield portion;
    portion = [];
  }
  if (portion.length > 0) yield portion;
}
