/**
 * Strikes a workload at call after call. One volume lives through many points, so that what an earlier crash left behind
 * meets the next one; every point verifies all that was acknowledged since the volume was made. Some points also take
 * the index away, or leave a node's disk out, before the recovery. A failure names the points since the volume was new.
 */
import type { TestContext } from 'node:test';
import { FaultShim } from '../../tools/fault-shim.js';
import { Workspace } from '../../tools/workspace.js';
import { CrashDisks, type FileSystemName } from './crash-disks.js';
import { type PointOutcome, PointRunner, type PointRunnerOptions } from './point-runner.js';
import type { PointMessage, PointTask } from './point-task.js';
import type { ArmedFault } from './struck/fault-control.js';
import { type WorkloadName, workloads } from './struck/workloads.js';
import type { Tally } from './tally.js';
import { applied, type Change, possibleTrees, type Tree } from './tree.js';

export interface CrashSweepOptions extends Pick<PointRunnerOptions, 'calls' | 'lie'> {
  readonly fileSystem: FileSystemName;
  readonly workload: WorkloadName;
  readonly action: 'cut' | 'torn' | 'kill';
  readonly tally: Tally;
  /** What repeats the points from one number to another, for the failure's text. */
  readonly replay: (first: number, last: number) => string;
}

/** Every so many points the index, or one node, is missing at the recovery. */
const surpriseEvery = 7;
/** At the points between all is read whole; at the others what the last points saved. */
const readAllEvery = 6;
const recentPoints = 3;
/** \`check\` needs a thread of its own, which takes longer than the rest of the verification. */
const checkEvery = 3;
const limitMs = 180_000;

export class CrashSweep {
  readonly #options: CrashSweepOptions;
  readonly #disks: CrashDisks;
  readonly #runner: PointRunner<PointTask, PointMessage>;
  #acknowledged: Tree = {};
  #underWay: readonly Change[] = [];
  /** Number of the first point since the volume was made; undefined: it has to be made. */
  #first: number | undefined;
  #points = 0;
  /** Of the last run that was not struck. */
  calls = 0;

  private constructor(options: CrashSweepOptions, disks: CrashDisks, runner: PointRunner<PointTask, PointMessage>) {
    this.#options = options;
    this.#disks = disks;
    this.#runner = runner;
  }

  static async create(context: TestContext, options: CrashSweepOptions): Promise<CrashSweep> {
    const workspace = await Workspace.create(context);
    const shim = await FaultShim.compile(workspace);
    const disks = await CrashDisks.create(workspace, options.fileSystem);
    const { calls, lie } = options;
    const runnerOptions = { program: './struck/point-process.js', folders: disks.paths, calls, lie, limitMs };
    return new CrashSweep(options, disks, new PointRunner(workspace, shim, runnerOptions));
  }

  /** Strikes call `at` of the workload; false when the workload ended before. `number` names the point. */
  async strike(at: number, number = at): Promise<boolean> {
    await this.#begin(number);
    const { workload, action } = this.#options;
    const outcome = await this.#run(number, { workload, fault: { at, action } });
    return outcome.wasKilled;
  }

  /** Strikes call `at` of the recovery; false when the drive was open and verified before. */
  async strikeRecovery(number: number, at: number, { dropIndex = false } = {}): Promise<boolean> {
    const { action } = this.#options;
    const outcome = await this.#run(number, { strikesOpening: true, dropIndex, fault: { at, action } });
    return outcome.wasKilled;
  }

  /** The last crash is recovered from without an index; nothing may stay degraded, and `check` finds nothing at all. */
  async end(): Promise<void> {
    if (this.#first === undefined) return;
    await this.#run(this.#first + this.#points - 1, { mustBecomeWhole: true, dropIndex: true });
    this.#first = undefined;
  }

  async #begin(number: number): Promise<void> {
    const { pointsPerVolume, losesCopies } = workloads[this.#options.workload];
    if (this.#points >= pointsPerVolume) await this.end();
    if (this.#first === undefined) {
      await this.#disks.renew();
      [this.#first, this.#points, this.#acknowledged, this.#underWay] = [number, 0, {}, []];
    } else if (number % surpriseEvery === 3 && !losesCopies) {
      await this.#verifyWithout(number);
    }
    this.#points += 1;
  }

  /** One node is away; the others have everything. */
  async #verifyWithout(number: number): Promise<void> {
    await this.#disks.powerDown();
    await this.#disks.powerUp({ withoutNode: number % this.#disks.nodePaths.length });
    await this.#run(number, {});
    await this.#disks.powerUp();
  }

  async #run(
    number: number,
    options: Partial<Pick<PointTask, 'mustBecomeWhole' | 'workload' | 'strikesOpening' | 'dropIndex'>> & {
      readonly fault?: ArmedFault;
    },
  ): Promise<PointOutcome<PointMessage>> {
    const isNew = this.#points === 1 && this.#first === number && options.workload !== undefined;
    const outcome = await this.#runner.run({
      directory: this.#disks.directory,
      nodePaths: this.#disks.nodePaths,
      control: this.#runner.control,
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
    if (outcome.trouble !== undefined) throw new Error(this.#explain(number, outcome.trouble));
    this.#absorb(outcome);
    if (outcome.wasKilled) await this.#powerUp(number, outcome);
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
      if ('finished' in message && message.calls > 0) this.calls = message.calls;
    }
    const done = new Set(messages.map((message) => ('done' in message ? message.done : undefined)));
    for (const message of messages) {
      if (!('begun' in message)) continue;
      if (done.has(message.begun)) this.#acknowledged = applied(this.#acknowledged, message.change);
      else this.#underWay = [...this.#underWay, message.change];
    }
  }

  async #powerUp(number: number, { struck }: PointOutcome<PointMessage>): Promise<void> {
    if (!struck) throw new Error(this.#explain(number, 'the process was killed, and not by the fault'));
    this.#options.tally.note(struck);
    this.#runner.startAhead();
    if (this.#options.action === 'kill') return;
    await this.#disks.powerCycle();
  }

  #explain(number: number, trouble: string): string {
    const { workload, action, replay } = this.#options;
    const command = replay(this.#first ?? number, number);
    return `${workload}, ${action}, point ${number}: ${trouble}\nrepeat: ${command}`;
  }
}
