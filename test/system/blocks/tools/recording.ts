/**
 * One life of a drive, with the block streams of its four disks and the moments at which it could have ended.
 *
 * A moment is a true instant for all disks together. One storage daemon serves them all. At a moment it is stopped, the
 * entries of each log are counted, and what the clients were promised is noted, all in one go and by the thread to which
 * the promises are made. A change counts as acknowledged if its answer came before the stop: all that the answer relied
 * on had then been written and flushed, and was in the logs, since the daemon logs before it answers.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { SafetyParameters } from '../../../../src/core/safety-parameters.js';
import { testSafety } from '../../../../src/core/safety-parameters.js';
import { type DriveContext, systemContext } from '../../../../src/drive/drive-context.js';
import { createVolume, openDrive } from '../../../../src/drive.js';
import type { Drive } from '../../../../src/drive-contract.js';
import { Chance } from '../../tools/seeded.js';
import { pause, waitUntil } from '../../tools/wait.js';
import type { Workspace } from '../../tools/workspace.js';
import { History, type Tree } from './history.js';
import { type FileSystem, RecordedDisks } from './recorded-disks.js';

/** The volume's directory lies on the first, a node on each of the others. */
export const diskNames: readonly string[] = ['index', 'node-1', 'node-2', 'node-3'];
export const nodeNames = diskNames.slice(1);
const pulledNode = 'node-3';

export interface Progress {
  readonly folder: string;
  /** Changes answered. The next one may be under way. */
  readonly acknowledged: number;
}

export interface Moment {
  /** Entries in each disk's log, in the order of `diskNames`. */
  readonly entries: readonly number[];
  readonly progress: readonly Progress[];
}

export interface ClientStory {
  readonly folder: string;
  /** What each change does, and the tree after it. */
  readonly steps: readonly { readonly does: string; readonly after: readonly (readonly [string, string])[] }[];
}

export interface Recording {
  /** Holds NAME.base, NAME.log of each disk, and recording.json. */
  readonly folder: string;
  readonly seed: number;
  readonly fileSystems: readonly FileSystem[];
  readonly moments: readonly Moment[];
  readonly clients: readonly ClientStory[];
  /** What was seen to happen on the way. */
  readonly deeds: readonly string[];
  /** What the drive warned of. */
  readonly warnings: readonly string[];
}

export interface RecordingOptions {
  readonly seed: number;
  /** In the order of `diskNames`. */
  readonly fileSystems: readonly FileSystem[];
  readonly changesPerClient: number;
  /** A planted mistake, say. */
  readonly context?: Partial<DriveContext>;
  /** A disk that goes and comes back, an opening in between. Default true. */
  readonly isEventful?: boolean;
}

/** Small enough that all background work happens within seconds; patient with slow machines. */
export const recordingSafety: SafetyParameters = {
  ...testSafety,
  healGraceMs: 300,
  checkpointAfterBytes: 24 * 1024,
  atticMs: 500,
  writeDeadlineMs: 60_000,
  readDeadlineMs: 60_000,
  retryMs: 60_000,
};

const clients = 3;
const momentGapMs = 4;

export async function record(workspace: Workspace, options: RecordingOptions): Promise<Recording> {
  const folder = await workspace.folder('recording');
  const recorder = await Recorder.start(workspace, folder, options);
  await recorder.run();
  const recording = await recorder.finish();
  await writeFile(join(folder, 'recording.json'), JSON.stringify(recording));
  return recording;
}

export async function loadRecording(folder: string): Promise<Recording> {
  const recording = JSON.parse(await readFile(join(folder, 'recording.json'), 'utf8')) as Recording;
  return { ...recording, folder };
}

/** Everything for a look at a failing state, on a place that outlives the test. */
export async function keepRecording(recording: Recording, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of diskNames.flatMap((disk) => [`${disk}.base`, `${disk}.log`])) {
    await copyFile(join(recording.folder, name), join(folder, name));
  }
  await writeFile(join(folder, 'recording.json'), JSON.stringify(recording));
}

class Recorder {
  readonly #disks: RecordedDisks;
  readonly #folder: string;
  readonly #options: RecordingOptions;
  readonly #chance: Chance;
  readonly #histories: History[];
  readonly #acknowledged: number[];
  readonly #moments: Moment[] = [];
  readonly #deeds: string[] = [];
  readonly #warnings: string[] = [];
  readonly #context: DriveContext;
  #drive: Drive | undefined;
  #isRecording = false;

  private constructor(disks: RecordedDisks, folder: string, options: RecordingOptions) {
    this.#disks = disks;
    this.#folder = folder;
    this.#options = options;
    this.#chance = new Chance(options.seed);
    this.#histories = Array.from({ length: clients }, (_, index) => {
      return new History(`client ${index}`, options.seed * clients + index, options.changesPerClient);
    });
    this.#acknowledged = this.#histories.map(() => 0);
    this.#context = { ...systemContext, safety: recordingSafety, ...options.context };
  }

  static async start(workspace: Workspace, folder: string, options: RecordingOptions): Promise<Recorder> {
    const disks = diskNames.map((name, index) => ({ name, fileSystem: options.fileSystems[index]! }));
    const recorder = new Recorder(await RecordedDisks.create(workspace, folder, disks), folder, options);
    workspace.defer(async () => {
      recorder.#isRecording = false;
      await recorder.#drive?.close();
    });
    return recorder;
  }

  async run(): Promise<void> {
    const directory = join(this.#disks.mountPoint('index'), 'volume');
    const nodes = nodeNames.map((name) => this.#disks.mountPoint(name));
    await createVolume({ directory, nodes, replicas: 2 }, this.#context);
    this.#isRecording = true;
    const moments = this.#takeMoments();
    await this.#open();
    const third = Math.ceil(this.#options.changesPerClient / 3);
    await this.#work(third);
    if (this.#options.isEventful ?? true) await this.#loseAndRegain(pulledNode, 2 * third);
    else await this.#work(2 * third);
    if (this.#options.isEventful ?? true) {
      await this.#close();
      await this.#open();
      this.#deeds.push('opened again');
    }
    await this.#work(this.#options.changesPerClient);
    await this.#close();
    this.#isRecording = false;
    await moments;
  }

  async finish(): Promise<Recording> {
    await this.#disks.finish();
    return {
      folder: this.#folder,
      seed: this.#options.seed,
      fileSystems: this.#options.fileSystems,
      moments: this.#moments,
      clients: this.#histories.map(({ folder, steps }) => ({
        folder,
        steps: steps.map(({ does, after }) => ({ does, after: [...after] })),
      })),
      deeds: this.#deeds,
      warnings: this.#warnings,
    };
  }

  async #work(until: number): Promise<void> {
    await Promise.all(this.#histories.map((history, client) => this.#play(history, client, until)));
  }

  async #play(history: History, client: number, until: number): Promise<void> {
    for (;;) {
      const number = this.#acknowledged[client]!;
      const step = history.steps[number];
      if (!step || number >= until) return;
      try {
        await step.run(this.#drive!.volume);
      } catch (cause) {
        throw new Error(`${history.folder}: "${step.does}" failed`, { cause });
      }
      this.#acknowledged[client] = number + 1;
      this.#noteMoment();
    }
  }

  /** Pulled until its segments were healed around, then back until all is whole. */
  async #loseAndRegain(name: string, until: number): Promise<void> {
    await this.#disks.pull(name);
    await this.#work(until);
    await this.#untilStatus('the missing copies are made', ({ segments, healing }) => {
      return segments.degraded === 0 && healing.healedSegments > 0;
    });
    this.#deeds.push('healed');
    await this.#disks.plug(name);
    await this.#untilStatus(`${name} is back`, ({ health }) => health === 'good');
    this.#deeds.push('a node came back');
    await this.#untilStatus('a checkpoint was made', ({ checkpoint }) => checkpoint !== null);
    this.#deeds.push('checkpoint made');
  }

  async #untilStatus(what: string, isSo: (status: Awaited<ReturnType<Drive['status']>>) => boolean): Promise<void> {
    const describe = () => (this.#drive?.events() ?? []).map(({ message }) => message).join('\n');
    await waitUntil(what, async () => isSo(await this.#drive!.status()), {
      intervalMs: 20,
      timeoutMs: 300_000,
      describe,
    });
  }

  async #open(): Promise<void> {
    this.#drive = await openDrive({ directory: join(this.#disks.mountPoint('index'), 'volume') }, this.#context);
  }

  async #close(): Promise<void> {
    for (const { level, message } of this.#drive?.events() ?? []) if (level !== 'info') this.#warnings.push(message);
    await this.#drive?.close();
    this.#drive = undefined;
  }

  async #takeMoments(): Promise<void> {
    while (this.#isRecording) {
      this.#noteMoment();
      await pause(this.#chance.next() * momentGapMs);
    }
  }

  /** No await in here: nothing may be answered between the stop and the note. */
  #noteMoment(): void {
    this.#disks.atInstant((entries) => {
      const progress = this.#histories.map(({ folder }, client) => ({
        folder,
        acknowledged: this.#acknowledged[client]!,
      }));
      const moment = { entries, progress };
      if (!isDeepStrictEqual(moment, this.#moments.at(-1))) this.#moments.push(moment);
    });
  }
}

/**
 * Disks that left the drive in the recorded life though nobody pulled them: a busy machine is slow. What is saved while only
 * one is left lies on that one.
 */
export const stutteringDisks = ({ warnings }: Recording): string[] =>
  nodeNames.filter((name) => name !== pulledNode && warnings.some((warning) => warning.startsWith(`${name} is `)));

export const treeAfter = (client: ClientStory, changes: number): Tree =>
  new Map(changes === 0 ? [] : client.steps[changes - 1]!.after);
