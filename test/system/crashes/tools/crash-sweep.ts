/**
 * Strikes a workload at call after call. One volume lives through many points, so that what an earlier crash left behind
 * meets the next one; every point verifies all that was acknowledged since the volume was made. Some points also take
 * the index away, or leave a node's disk out, before the recovery. A failure names the points since the volume was new;
 * struck again in that order, they meet the same surprises.
 */
import type { TestContext } from 'node:test';
import { FaultShim } from '../../tools/fault-shim.js';
import { Workspace } from '../../tools/workspace.js';
import { formatPoint, type Point } from './chosen-points.js';
import { CrashDisks, type FileSystemName } from './crash-disks.js';
import { type PointOutcome, PointRunner, type PointRunnerOptions } from './point-runner.js';
import type { PointMessage, PointTask } from './point-task.js';
import type { Strike } from './strike-log.js';
import type { ArmedFault } from './struck/fault-control.js';
import { type WorkloadName, workloads } from './struck/workloads.js';
import { StruckProgram } from './struck-program.js';
import type { Tally } from './tally.js';
import { applied, type Change, possibleTrees, type Tree } from './tree.js';

export interface CrashSweepOptions extends Pick<PointRunnerOptions, 'lie'> {
  readonly fileSystem: FileSystemName;
  readonly workload: WorkloadName;
  readonly action: 'cut' | 'torn' | 'kill';
  readonly tally: Tally;
  /** What repeats the points from one number to another, for the failure's text. */
  readonly replay: (points: readonly Point[]) => string;
}

/** Every so many points the index, or one node, is missing at the recovery. */
const surpriseEvery = 7;
/** At the points between all is read whole; at the others what the last points saved. */
const readAllEvery = 6;
const recentPoints = 3;
/** \`check\` needs a thread of its own, which takes longer than the rest of the verification. */
const checkEvery = 4;
const limitMs = 600_000;
/** Any that every workload has. */
const earlyCall = 5;

export class CrashSweep {
  readonly #options: CrashSweepOptions;
  readonly #disks: CrashDisks;
  readonly #runner: PointRunner<PointTask, PointMessage>;
  #acknowledged: Tree = {};
  #underWay: readonly Change[] = [];
  /** Since the volume was made; empty: it has to be made. */
  #points: Point[] = [];

  private constructor(options: CrashSweepOptions, disks: CrashDisks, runner: PointRunner<PointTask, PointMessage>) {
    this.#options = options;
    this.#disks = disks;
    this.#runner = runner;
  }

  static async create(context: TestContext, options: CrashSweepOptions): Promise<CrashSweep> {
    const workspace = await Workspace.create(context);
    const shim = await FaultShim.compile(workspace);
    const disks = await CrashDisks.create(workspace, options.fileSystem);
    const { lie } = options;
    const program = await StruckProgram.write(workspace, 'point-process');
    const runnerOptions = { program, folders: disks.paths, lie, limitMs };
    return new CrashSweep(options, disks, new PointRunner(workspace, shim, runnerOptions));
  }

  /** The calls of the workload, on a volume that has seen a crash. The volume is given up. */
  async calls(): Promise<(Strike | undefined)[]> {
    await this.strike(earlyCall);
    if (await this.strike(Number.MAX_SAFE_INTEGER)) throw new Error('it has no end');
    this.#points = [];
    return this.#runner.calls();
  }

  /** Strikes call `at` of the workload; false when the workload ended before. `name` is what repeats it, if not the call. */
  async strike(at: number, name = at): Promise<boolean> {
    await this.#begin({ at: name });
    const { workload, action } = this.#options;
    const outcome = await this.#run({ workload, fault: { at, action } });
    return outcome.wasKilled;
  }

  /** Strikes call `at` of the recovery; false when the drive was open and verified before. */
  async strikeRecovery(at: number, { dropIndex = false } = {}): Promise<boolean> {
    const { action } = this.#options;
    const outcome = await this.#run({ strikesOpening: true, dropIndex, fault: { at, action } });
    return outcome.wasKilled;
  }

  /** The last crash is recovered from without an index; nothing may stay degraded, and `check` finds nothing at all. */
  async end(): Promise<void> {
    if (this.#points.length === 0) return;
    await this.#run({ mustBecomeWhole: true, dropIndex: true });
    this.#points = [];
  }

  async #begin(point: Point): Promise<void> {
    const { pointsPerVolume, losesCopies } = workloads[this.#options.workload];
    if (this.#points.length >= pointsPerVolume) await this.end();
    if (this.#points.length === 0) {
      await this.#disks.renew();
      [this.#acknowledged, this.#underWay] = [{}, []];
    } else if (this.#points.length % surpriseEvery === 3 && !losesCopies) {
      await this.#verifyWithout(this.#points.length % this.#disks.nodePaths.length);
    }
    this.#points.push(point);
  }

  /** One node is away; the others have everything. */
  async #verifyWithout(node: number): Promise<void> {
    await this.#disks.powerDown();
    await this.#disks.powerUp({ withoutNode: node });
    await this.#run({});
    await this.#disks.powerUp();
  }

  async #run(
    options: Partial<Pick<PointTask, 'mustBecomeWhole' | 'workload' | 'strikesOpening' | 'dropIndex'>> & {
      readonly fault?: ArmedFault;
    },
  ): Promise<PointOutcome<PointMessage>> {
    const number = this.#points.length;
    const isNew = number === 1 && options.workload !== undefined;
    const outcome = await this.#runner.run({
      directory: this.#disks.directory,
      nodePaths: this.#disks.nodePaths,
      control: this.#runner.control,
      log: this.#runner.log,
      isNew,
      dropIndex: options.workload !== undefined && number % surpriseEvery === 0 && !isNew,
      acknowledged: this.#acknowledged,
      underWay: this.#underWay,
      mustBecomeWhole: false,
      strikesOpening: false,
      mustCheck: number % checkEvery === 0,
      folder: `point ${number}`,
      onlyBelow: options.mustBecomeWhole || number % readAllEvery === 0 ? undefined : this.#recentFolders(),
      ...options,
    });
    if (outcome.trouble !== undefined) throw new Error(this.#explain(outcome.trouble));
    this.#absorb(outcome);
    if (outcome.wasKilled) await this.#powerUp(outcome);
    return outcome;
  }

  #recentFolders(): string[] {
    const folders = [...Object.keys(this.#acknowledged), ...this.#underWay.map(({ path }) => path)];
    const tops = [...new Set(folders.map((path) => path.split('/')[0]!))];
    return tops.slice(-recentPoints);
  }

  #absorb({ messages }: PointOutcome<PointMessage>): void {
    for (const message of messages) {
      if ('found' in message) {
        this.#acknowledged = possibleTrees(this.#acknowledged, this.#underWay)[message.found]!;
        this.#underWay = [];
      }
    }
    const done = new Set(messages.map((message) => ('done' in message ? message.done : undefined)));
    for (const message of messages) {
      if (!('begun' in message)) continue;
      if (done.has(message.begun)) this.#acknowledged = applied(this.#acknowledged, message.change);
      else this.#underWay = [...this.#underWay, message.change];
    }
  }

  async #powerUp({ struck }: PointOutcome<PointMessage>): Promise<void> {
    if (!struck) throw new Error(this.#explain('the process was killed, and not by the fault'));
    this.#options.tally.note(struck);
    this.#runner.startAhead();
    if (this.#options.action === 'kill') return;
    await this.#disks.powerCycle();
  }

  #explain(trouble: string): string {
    const { workload, action, replay } = this.#options;
    const last = this.#points.at(-1);
    return `${workload}, ${action}, point ${last && formatPoint(last)}: ${trouble}\nrepeat: ${replay(this.#points)}`;
  }
}
