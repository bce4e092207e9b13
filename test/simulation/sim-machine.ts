/**
 * A machine with its disks, on which processes of the engine live and die. It survives them: disks, index, time.
 */
import { randomId } from '../../src/core/random.js';
import type { Operation } from '../../src/meta/operations.js';
import { initializeNodeDirectory } from '../../src/node/node-directory.js';
import { passportFileName } from '../../src/node/passport.js';
import { isExpendable } from './expendable.js';
import type { IndexState } from './index-slots.js';
import { SeededRandom } from './seeded-random.js';
import { SimDisk } from './sim-disk.js';
import type { SimFile } from './sim-file.js';
import { SimFileIo, SimMounts } from './sim-file-io.js';
import { SimIndex } from './sim-index.js';
import { SimScheduler } from './sim-scheduler.js';

export interface SimNode {
  readonly id: string;
  readonly path: string;
  /** What is, or would be, plugged in at its path. */
  disk: SimDisk;
  /** Its own disk, while another one is at its path. */
  parked: SimDisk | undefined;
  /** As its disk was when lives ended. */
  readonly older: SimDisk[];
  passport: Buffer | undefined;
}

/** What one outcome of a crash leaves: every disk as it then is, plugged in or not, and the index. */
export interface MachineState {
  readonly disks: readonly {
    readonly disk: SimDisk;
    readonly isPlugged: boolean;
    readonly parked?: SimDisk | undefined;
  }[];
  readonly index: IndexState | null;
  readonly isUnsettled: boolean;
}

export interface SimMachineOptions {
  readonly nodes: number;
  readonly replicas: number;
  readonly trace: (line: string) => void;
}

export class SimMachine {
  readonly random: SeededRandom;
  readonly mounts = new SimMounts(new SimDisk('system'));
  readonly nodes: SimNode[] = [];
  index = new SimIndex();
  readonly volume: { readonly id: string; readonly replicas: number };
  readonly trace: (line: string) => void;
  nowMs = 0;
  wallOffsetMs = 1_700_000_000_000;
  isCreated = false;
  /** The index or a disk is not what it was, and no opening has brought all of them up to the history yet. */
  isUnsettled = false;

  constructor(seed: number, options: SimMachineOptions) {
    this.random = new SeededRandom(seed);
    this.trace = options.trace;
    this.volume = { id: randomId(this.random), replicas: options.replicas };
    for (const name of 'abcdef'.slice(0, options.nodes)) {
      const node = {
        id: randomId(this.random),
        path: `/${name}`,
        disk: new SimDisk(name),
        parked: undefined,
        older: [],
        passport: undefined,
      };
      this.nodes.push(node);
      this.mounts.plug(node.path, node.disk);
    }
  }

  /** The same machine with that state, only to be looked at. */
  glance(state: MachineState, seed: number, trace: (line: string) => void): SimMachine {
    const { nodes, volume } = this;
    const twin: SimMachine = Object.create(SimMachine.prototype, {}) as SimMachine;
    const mounts = new SimMounts(new SimDisk('system'));
    Object.assign(twin, {
      random: new SeededRandom(seed),
      mounts,
      nodes: nodes.map(({ id, path }, index) => ({ id, path, older: [], passport: undefined, ...state.disks[index]! })),
      index: new SimIndex(state.index, { isGlance: true }),
      volume,
      trace,
      nowMs: this.nowMs,
      wallOffsetMs: this.wallOffsetMs,
      isCreated: this.isCreated,
    });
    for (const [index, { path, disk }] of twin.nodes.entries()) {
      mounts.plug(path, disk);
      if (!state.disks[index]!.isPlugged) mounts.unplug(path);
    }
    return twin;
  }

  /** Goes on with that state. */
  async become({ disks, index, isUnsettled }: MachineState): Promise<void> {
    for (const [number, node] of this.nodes.entries()) {
      const { disk, isPlugged, parked } = disks[number]!;
      node.disk = disk;
      node.parked = parked;
      disk.faults = [];
      this.mounts.plug(node.path, disk);
      if (!isPlugged) this.mounts.unplug(node.path);
      this.putPassportRight(node);
    }
    this.isUnsettled = isUnsettled;
    await this.index.end(index);
  }

  /** Makes the node directories; nothing fails yet. */
  async initialize(): Promise<void> {
    const scheduler = new SimScheduler(this.random.fork(), 0);
    const io = new SimFileIo(this.mounts, scheduler);
    let isDone = false;
    const work = (async () => {
      for (const { id, path } of this.nodes) {
        const passport = { volume: this.volume.id, node: id, label: path.slice(1), created: 1 };
        await initializeNodeDirectory(io, path, { passport, otherPaths: [] });
      }
    })().finally(() => {
      isDone = true;
    });
    work.catch(() => undefined);
    await scheduler.runUntil(() => isDone);
    await work;
    for (const node of this.nodes) node.passport = passportOf(node)?.contents();
  }

  /** A node whose passport is damaged stays away until a person puts it right. */
  putPassportRight(node: SimNode): void {
    const { passport, parked } = node;
    if (passport && !parked) passportOf(node)?.damage(() => Buffer.from(passport));
  }

  get genesis(): readonly Operation[] {
    return [
      { o: 'volume', id: this.volume.id, name: 'sim', replicas: this.volume.replicas, created: 1 },
      ...this.nodes.map(
        ({ id, path }): Operation => ({
          o: 'node',
          id,
          label: path.slice(1),
          group: path,
          weight: 1,
          role: 'active',
          path,
        }),
      ),
    ];
  }

  isPlugged(node: SimNode): boolean {
    return this.mounts.isPlugged(node.path);
  }

  /** Its own disk is there. */
  isHere(node: SimNode): boolean {
    return this.isPlugged(node) && !node.parked;
  }

  /** Whether the own disks of the others hold all that this one holds. */
  isExpendable(node: SimNode): boolean {
    return isExpendable(
      node,
      this.nodes.filter((other) => other !== node && this.isHere(other)),
    );
  }

  /** The plug is pulled: what was in memory for this disk is gone. */
  pull(node: SimNode): void {
    this.trace(`disk ${node.path} is pulled`);
    if (node.disk.isLying) {
      if (this.isExpendable(node)) this.isUnsettled = true;
      else node.disk.flush();
    }
    this.mounts.unplug(node.path);
    node.disk.loseMemory(this.random);
    node.disk.faults = [];
  }

  plug(node: SimNode): void {
    this.trace(`disk ${node.path} is plugged in`);
    this.mounts.plug(node.path, node.disk);
  }
}

function passportOf({ disk }: SimNode): SimFile | undefined {
  return disk.files().find(({ path }) => path === `/${passportFileName}`)?.file;
}
