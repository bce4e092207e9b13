/**
 * One life of the engine on a simulated machine: from its opening to its end by a kill, a power cut or a clean close.
 * The drive's own composition (drive-engine.ts) on simulated disks, index, clock, chance and threads.
 */
import { asDriveError, type DriveError, hasCode } from '../../src/core/errors.js';
import { systemPlatform } from '../../src/core/platform.js';
import { type SafetyParameters, testSafety } from '../../src/core/safety-parameters.js';
import type { DriveContext } from '../../src/drive/drive-context.js';
import { DriveEngine } from '../../src/drive/drive-engine.js';
import { DriveEvents } from '../../src/drive/drive-events.js';
import type { IndexSource } from '../../src/drive/drive-index.js';
import { DriveNodes } from '../../src/drive/drive-nodes.js';
import { checkVolume } from '../../src/maintenance/check.js';
import { Maintenance } from '../../src/maintenance/maintenance.js';
import { DriveVolume } from '../../src/volume/drive-volume.js';
import type { VolumeEngine } from '../../src/volume/engine.js';
import type { EngineNode } from '../../src/volume/engine-node.js';
import { rebuildIndex } from '../../src/volume/history/rebuild.js';
import { SimFileIo } from './sim-file-io.js';
import type { SimMachine } from './sim-machine.js';
import { SimClock, SimScheduler } from './sim-scheduler.js';

export const simSafety: SafetyParameters = {
  ...testSafety,
  healGraceMs: 2_000,
  // As often as they are needed: most of what an idle drive does is probes.
  probeIntervalMs: 1_000,
  returnProbeIntervalMs: 1_000,
  segmentLimitBytes: 96 * 1024,
  syncWindowBytes: 256 * 1024,
  checkpointAfterBytes: 24 * 1024,
};

const calmProbeMs = 10_000;

export interface SimLifeOptions {
  readonly isGlance?: boolean;
  readonly hasBackgroundWork?: boolean;
}

/** Most states are only opened and looked at: the first steps of ten workers cost as much as the opening. */
const backgroundWork = { isStarted: true };
const startMaintenance = Maintenance.prototype.start;
Maintenance.prototype.start = function start(): void {
  if (backgroundWork.isStarted) startMaintenance.call(this);
};

export class SimLife {
  readonly scheduler: SimScheduler;
  readonly clock: SimClock;
  readonly io: SimFileIo;
  readonly machine: SimMachine;
  readonly nodes: DriveNodes;
  readonly #context: DriveContext;
  readonly #safety: { -readonly [Name in keyof SafetyParameters]: SafetyParameters[Name] } = { ...simSafety };
  readonly #hasBackgroundWork: boolean;
  readonly #events: DriveEvents;
  #drive: DriveEngine | undefined;
  #failure: DriveError | undefined;
  #volume: DriveVolume | undefined;

  /** `isGlance`: only opened and looked at. */
  constructor(machine: SimMachine, { isGlance = false, hasBackgroundWork = true }: SimLifeOptions = {}) {
    this.machine = machine;
    this.#hasBackgroundWork = hasBackgroundWork;
    this.scheduler = new SimScheduler(machine.random.fork(), machine.nowMs, { isEager: isGlance });
    this.clock = new SimClock(this.scheduler);
    this.clock.wallOffsetMs = machine.wallOffsetMs;
    this.io = new SimFileIo(machine.mounts, this.scheduler);
    const { clock, io: fileIo } = this;
    this.#context = { clock, random: machine.random, fileIo, platform: systemPlatform, safety: this.#safety };
    this.#events = new DriveEvents(clock);
    this.#events.listen((event) => machine.trace(`  ${event.message}`));
    this.nodes = new DriveNodes(this.#context, {
      volume: machine.volume.id,
      report: (message) => machine.trace(`  ${message}`),
      watch: () => ({ close: async () => undefined }),
    });
  }

  /** Why it takes no changes now; undefined while it serves. */
  get refusal(): DriveError | undefined {
    return this.#failure ?? this.#drive?.trouble;
  }

  /** Nothing happens to the disks any more: most of what would be done is probes. */
  expectCalm(): void {
    this.#safety.probeIntervalMs = calmProbeMs;
  }

  /** Perhaps for reading only. */
  get isOpen(): boolean {
    return this.#volume !== undefined;
  }

  get volume(): DriveVolume {
    return this.#volume!;
  }

  get engine(): VolumeEngine | undefined {
    return this.#drive?.serving;
  }

  /** Runs the machine until the work is done; undefined when the process ended first. */
  async run<T>(work: Promise<T>): Promise<{ value: T } | undefined> {
    let isSettled = false;
    const settled = work.finally(() => {
      isSettled = true;
    });
    settled.catch(() => undefined);
    const isDone = await this.#runUntil(() => isSettled);
    this.machine.nowMs = this.scheduler.nowMs;
    if (!isDone && !this.scheduler.ended) throw new Error('nothing is left to run, and the work is not done');
    return isDone ? { value: await settled } : undefined;
  }

  async #runUntil(done: () => boolean): Promise<boolean> {
    const outside = backgroundWork.isStarted;
    backgroundWork.isStarted = this.#hasBackgroundWork;
    try {
      return await this.scheduler.runUntil(done);
    } finally {
      backgroundWork.isStarted = outside;
    }
  }

  /** Serves afterwards, or has a `refusal`. */
  async open(): Promise<void> {
    const { machine } = this;
    await this.nodes.open(
      machine.nodes.map(({ id, path }) => ({
        id,
        path,
        label: path.slice(1),
        group: path,
        weight: 1,
        role: 'active' as const,
      })),
    );
    try {
      const index = this.#index();
      const isNew = !machine.isCreated;
      const meta = isNew ? await machine.index.open(this.scheduler) : await index.open();
      this.#drive = await DriveEngine.open({
        directory: '/',
        context: this.#context,
        nodes: this.nodes,
        events: this.#events,
        volume: machine.volume,
        meta: meta ?? (await index.rebuild(this.nodes.present)),
        index,
        genesis: isNew ? machine.genesis : undefined,
      });
    } catch (error) {
      const failure = asDriveError(error);
      if (!hasCode(failure, 'READ_ONLY', 'UNAVAILABLE', 'DAMAGED')) throw error;
      this.#failure = failure;
      return;
    }
    const { id } = machine.volume;
    const { clock } = this;
    const engine = () => this.#drive!.engine();
    this.#volume = new DriveVolume({ id, name: 'sim', engine, clock, random: machine.random });
  }

  async close(): Promise<void> {
    await this.#drive?.close();
    await this.nodes.close();
  }

  async check(): ReturnType<typeof checkVolume> {
    const engine = await this.#drive!.engine();
    const isOpen = (segment: string) => engine.segments.openSegments().some((open) => open.segment === segment);
    return checkVolume({ meta: this.#drive!.index, nodes: this.nodes.all, isOpen });
  }

  #index(): IndexSource {
    const { machine, scheduler } = this;
    return {
      open: async () => {
        const meta = await machine.index.open(scheduler);
        return meta.reader.tip() ? meta : undefined;
      },
      rebuild: async (nodes: readonly EngineNode[]) => {
        machine.trace('  rebuilding the index');
        let adopt: (() => void) | undefined;
        const newIndex = async () => {
          const opened = await machine.index.openNew(scheduler);
          adopt = opened.adopt;
          return opened.store;
        };
        const meta = await rebuildIndex({ newIndex, nodes });
        await meta.close();
        adopt!();
        return machine.index.open(scheduler);
      },
    };
  }
}
