/**
 * A machine with its disks, on which processes of the engine live and die. It survives them: disks, index, time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomId } from '../../src/core/random.js';
import type { Operation } from '../../src/meta/operations.js';
import { initializeNodeDirectory } from '../../src/node/node-directory.js';
import { SeededRandom } from './seeded-random.js';
import { SimDisk, type SimFolder } from './sim-disk.js';
import { SimFileIo, SimMounts } from './sim-file-io.js';
import { SimIndex } from './sim-index.js';
import { SimScheduler } from './sim-scheduler.js';

export interface SimNode {
  readonly id: string;
  readonly path: string;
  readonly disk: SimDisk;
  /** An older state of its disk, to be put back. */
  older: SimFolder | undefined;
}

export class SimMachine {
  readonly random: SeededRandom;
  readonly mounts = new SimMounts(new SimDisk('system'));
  readonly nodes: SimNode[] = [];
  readonly index: SimIndex;
  readonly volume: { readonly id: string; readonly replicas: number };
  readonly trace: (line: string) => void;
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-simulation-'));
  nowMs = 0;
  isCreated = false;

  constructor(seed: number, options: { nodes: number; replicas: number; trace: (line: string) => void }) {
    this.random = new SeededRandom(seed);
    this.trace = options.trace;
    this.index = new SimIndex(this.#folder);
    this.volume = { id: randomId(this.random), replicas: options.replicas };
    for (const name of 'abcdef'.slice(0, options.nodes)) {
      const node = { id: randomId(this.random), path: `/${name}`, disk: new SimDisk(name), older: undefined };
      this.nodes.push(node);
      this.mounts.plug(node.path, node.disk);
    }
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

  /** The plug is pulled: what was in memory for this disk is gone. */
  pull(node: SimNode): void {
    this.trace(`disk ${node.path} is pulled`);
    this.mounts.unplug(node.path);
    node.disk.loseMemory(this.random);
    node.disk.faults = [];
  }

  plug(node: SimNode): void {
    this.trace(`disk ${node.path} is plugged in`);
    this.mounts.plug(node.path, node.disk);
  }

  async powerCut(): Promise<void> {
    this.trace('power cut');
    for (const { disk } of this.nodes) {
      disk.loseMemory(this.random);
      disk.faults = [];
      disk.mounting++;
    }
    await this.index.end(this.random, true);
  }

  async kill(): Promise<void> {
    this.trace('killed');
    for (const { disk } of this.nodes) {
      disk.faults = [];
      disk.mounting++;
    }
    await this.index.end(this.random, false);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
