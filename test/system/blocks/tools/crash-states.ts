/**
 * Opens the drive in crash states of a recording and looks for anything that was promised and is not so. A state's
 * number and the recording say everything about it, so that one that failed can be built again.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../../../../src/core/errors.js';
import { productionSafety, type SafetyParameters } from '../../../../src/core/safety-parameters.js';
import { type DriveContext, systemContext } from '../../../../src/drive/drive-context.js';
import { openDrive, rebuildVolume } from '../../../../src/drive.js';
import type { Drive } from '../../../../src/drive-contract.js';
import type { DriveStatus } from '../../../../src/drive-status.js';
import { mustRun, runCommand } from '../../tools/commands.js';
import { Chance } from '../../tools/seeded.js';
import { waitUntil } from '../../tools/wait.js';
import { mountPointsBelow } from '../../tools/workspace.js';
import { CrashDisk, type Cut } from './crash-images.js';
import { differences, readTree } from './history.js';
import {
  diskNames,
  type Moment,
  nodeNames,
  type Progress,
  type Recording,
  stutteringDisks,
  treeAfter,
} from './recording.js';

export interface CrashState {
  readonly number: number;
  readonly moment: number;
  readonly cut: Cut;
  /** A disk that is not there at all. */
  readonly missing: string | null;
  readonly seed: number;
}

export interface Failure {
  readonly state: CrashState;
  readonly findings: readonly string[];
}

export interface StatesOptions {
  readonly count: number;
  /** Only this one. */
  readonly only?: number;
  readonly cuts?: readonly Cut[];
  /** Ends after the first state of which this is so. */
  readonly isEnough?: (findings: readonly string[]) => boolean;
}

/** Nothing happens by itself while a state is looked at: only what opening does counts. */
const quietSafety: SafetyParameters = { ...productionSafety, writeDeadlineMs: 60_000, readDeadlineMs: 60_000 };
const context: DriveContext = { ...systemContext, safety: quietSafety };

const usualCuts: readonly Cut[] = ['mixed', 'mixed', 'mixed', 'mixed', 'mixed', 'mixed', 'all-lost', 'all-kept'];

/**
 * In the order of their moments. In most moments all is flushed, since the drive waits for its disks: half of the states
 * are taken from the others.
 */
function planStates(recording: Recording, disks: readonly CrashDisk[], options: StatesOptions): CrashState[] {
  const { count, cuts = usualCuts } = options;
  const chance = new Chance(recording.seed);
  const all = [...recording.moments.keys()];
  const isDoubtful = (moment: number) =>
    disks.some((disk, index) => disk.isInDoubt(recording.moments[moment]!.entries[index]!));
  const doubtful = all.filter(isDoubtful);
  const plans = Array.from({ length: count }, (_, index) => ({
    moment: chance.pick(index % 2 === 0 && doubtful.length > 0 ? doubtful : all),
    cut: chance.pick(cuts),
    missing: chance.next() < 0.3 ? chance.pick(diskNames) : null,
    seed: chance.below(2 ** 31),
  }));
  plans.sort((one, other) => one.moment - other.moment);
  return plans.map((plan, number) => ({ ...plan, number }));
}

export interface StatesOutcome {
  readonly states: number;
  readonly doubtful: number;
  readonly failures: readonly Failure[];
}

/** Images and mounts lie in `folder`. */
export async function checkStates(
  folder: string,
  recording: Recording,
  options: StatesOptions,
): Promise<StatesOutcome> {
  const disks = diskNames.map((name) => new CrashDisk(recording.folder, name));
  const bench = await Bench.create(folder, recording);
  const failures: Failure[] = [];
  let states = 0;
  let doubtful = 0;
  try {
    for (const state of planStates(recording, disks, options)) {
      if (options.only !== undefined && options.only !== state.number) continue;
      const moment = recording.moments[state.moment]!;
      const inDoubt = bench.write(disks, moment, state);
      const findings = await bench.examine(moment, state);
      states += 1;
      if (inDoubt > 0) doubtful += 1;
      if (findings.length > 0) failures.push({ state, findings });
      if (options.isEnough?.(findings)) break;
    }
  } finally {
    for (const disk of disks) disk.close();
  }
  return { states, doubtful, failures };
}

class Bench {
  readonly #folder: string;
  readonly #recording: Recording;

  private constructor(folder: string, recording: Recording) {
    this.#folder = folder;
    this.#recording = recording;
  }

  static async create(folder: string, recording: Recording): Promise<Bench> {
    for (const name of diskNames) await mkdir(join(folder, name), { recursive: true });
    return new Bench(folder, recording);
  }

  /** How many entries were in doubt on all disks. */
  write(disks: readonly CrashDisk[], moment: Moment, state: CrashState): number {
    const chance = new Chance(state.seed);
    const counts = disks.map((disk, index) =>
      disk.write(this.#image(index), moment.entries[index]!, state.cut, chance),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async examine(moment: Moment, state: CrashState): Promise<string[]> {
    try {
      await this.#mount(diskNames.filter((name) => name !== state.missing));
      const directory = await this.#directory(state);
      const drive = await openDrive({ directory }, context);
      try {
        return await this.#judge(drive, moment);
      } finally {
        await drive.close();
      }
    } catch (error) {
      if (this.#isRightToRefuse(error, state)) return [];
      return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    } finally {
      await this.#clear();
    }
  }

  /** Where disks stuttered in the recorded life, the newest changes may lie on one disk alone: without it the drive says so. */
  #isRightToRefuse(error: unknown, { missing }: CrashState): boolean {
    if (!hasCode(error, 'READ_ONLY') || stutteringDisks(this.#recording).length === 0) return false;
    const { members } = error.details;
    return Array.isArray(members) && members.length === 1 && error.hint?.startsWith(`plug in "${missing}" `) === true;
  }

  async #judge(drive: Drive, moment: Moment): Promise<string[]> {
    const findings: string[] = [];
    for (const progress of moment.progress) {
      try {
        findings.push(...(await this.#brokenPromises(drive, progress)));
      } catch (error) {
        findings.push(`${progress.folder} cannot be read: ${String(error)}`);
      }
    }
    findings.push(...(await drive.check()).findings);
    const { damagedFiles, health, protection } = await settledStatus(drive);
    if (damagedFiles.length > 0 || health === 'damaged') findings.push(`damaged: ${damagedFiles.join()} ${protection}`);
    if (health === 'read-only') findings.push('it takes no changes');
    else await drive.volume.makeFolder(['made after the crash'], {});
    return findings;
  }

  async #brokenPromises(drive: Drive, { folder, acknowledged }: Progress): Promise<string[]> {
    const client = this.#recording.clients.find((one) => one.folder === folder)!;
    const found = await readTree(drive.volume, folder);
    const wrong = differences(treeAfter(client, acknowledged), found);
    if (wrong.length === 0) return [];
    const next = client.steps[acknowledged];
    if (next && differences(treeAfter(client, acknowledged + 1), found).length === 0) return [];
    return [`${folder} after change ${acknowledged}, under way: ${next?.does}`, ...wrong];
  }

  /** Where the volume's directory is, with the nodes' paths of today. Without its disk it is made anew. */
  async #directory({ missing }: CrashState): Promise<string> {
    const nodes = nodeNames.map((name) => join(this.#folder, name));
    if (missing === 'index') {
      const directory = join(this.#folder, 'rebuilt');
      await rebuildVolume({ directory, nodes }, context);
      return directory;
    }
    const directory = join(this.#folder, 'index', 'volume');
    const file = join(directory, 'volume.json');
    const hints = JSON.parse(await readFile(file, 'utf8'));
    for (const node of hints.nodes) node.path = join(this.#folder, node.label);
    await writeFile(`${file}.moved`, JSON.stringify(hints));
    await rename(`${file}.moved`, file);
    return directory;
  }

  /** All by one program. */
  async #mount(names: readonly string[]): Promise<void> {
    const table = join(this.#folder, 'fstab');
    const lines = names.map((name) => {
      const index = diskNames.indexOf(name);
      const fileSystem = this.#recording.fileSystems[index]!;
      // The clones of a file system bear one id.
      const options = fileSystem === 'xfs' ? 'loop,noatime,nouuid' : 'loop,noatime';
      return `${this.#image(index)} ${join(this.#folder, name)} ${fileSystem} ${options}\n`;
    });
    await writeFile(table, lines.join(''));
    await mustRun('mount', ['--all', '--fstab', table]);
  }

  async #clear(): Promise<void> {
    const points = diskNames.map((name) => join(this.#folder, name));
    const mounted = () => mountPointsBelow(this.#folder).filter((point) => points.includes(point));
    // A file that was read last may be closed a moment later.
    await waitUntil(
      'the disks are unmounted',
      async () => {
        if (mounted().length > 0) await runCommand('umount', mounted());
        return mounted().length === 0;
      },
      { intervalMs: 50 },
    );
    await rm(join(this.#folder, 'rebuilt'), { recursive: true, force: true });
  }

  #image(index: number): string {
    return join(this.#folder, `${diskNames[index]}.img`);
  }
}

/** A copy that was in doubt counts for nothing until it is read again, which takes a moment after the opening. */
async function settledStatus(drive: Drive): Promise<DriveStatus> {
  const settled = async () => {
    const status = await drive.status();
    return status.health === 'damaged' ? undefined : status;
  };
  const patience = { intervalMs: 50, timeoutMs: 60_000 };
  return waitUntil('no copy is in doubt', settled, patience).catch(() => drive.status());
}
