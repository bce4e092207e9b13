/**
 * One life of the engine on a simulated machine: from its opening to its end by a kill, a power cut or a clean close.
 * Composed like the drive (drive-engine.ts), but on simulated disks, clock, chance and threads.
 */
import { asDriveError, DriveError, hasCode } from '../../src/core/errors.js';
import { Mutex } from '../../src/core/mutex.js';
import { type SafetyParameters, testSafety } from '../../src/core/safety-parameters.js';
import { hostFor } from '../../src/drive/drive-host.js';
import { checkVolume } from '../../src/maintenance/check.js';
import { Maintenance } from '../../src/maintenance/maintenance.js';
import type { MetaStore } from '../../src/meta/meta-store.js';
import { DirectoryNodeStore } from '../../src/node/directory-node-store.js';
import { Node, type NodeChange } from '../../src/node/node.js';
import { NodeMonitor } from '../../src/node/node-monitor.js';
import { isReadable, isWritable } from '../../src/node/node-state.js';
import { DriveVolume } from '../../src/volume/drive-volume.js';
import { VolumeEngine } from '../../src/volume/engine.js';
import { makeJournalCurrent } from '../../src/volume/history/node-return.js';
import { indexOffChain } from '../../src/volume/history/opening.js';
import { rebuildIndex } from '../../src/volume/history/rebuild.js';
import { SimFileIo } from './sim-file-io.js';
import type { SimMachine } from './sim-machine.js';
import { SimClock, SimScheduler } from './sim-scheduler.js';

export const simSafety: SafetyParameters = {
  ...testSafety,
  healGraceMs: 2_000,
  segmentLimitBytes: 256 * 1024,
  syncWindowBytes: 512 * 1024,
  checkpointAfterBytes: 24 * 1024,
};

export class SimLife {
  readonly scheduler: SimScheduler;
  readonly clock: SimClock;
  readonly io: SimFileIo;
  readonly machine: SimMachine;
  readonly monitor: NodeMonitor;
  /** Why it could not be opened for writing; undefined while it serves. */
  refusal: DriveError | undefined;
  engine: VolumeEngine | undefined;
  volume: DriveVolume | undefined;
  maintenance: Maintenance | undefined;
  meta: MetaStore | undefined;
  readonly #turns = new Mutex();
  readonly #returning = new Set<string>();

  constructor(machine: SimMachine) {
    this.machine = machine;
    this.scheduler = new SimScheduler(machine.random.fork(), machine.nowMs);
    this.clock = new SimClock(this.scheduler);
    this.io = new SimFileIo(machine.mounts, this.scheduler);
    this.monitor = new NodeMonitor({
      clock: this.clock,
      safety: simSafety,
      report: (message) => machine.trace(`  ${message}`),
      watch: () => ({ close: async () => undefined }),
    });
  }

  /** Runs the machine until the work is done; undefined when the process ended first. */
  async run<T>(work: Promise<T>): Promise<{ value: T } | undefined> {
    let isSettled = false;
    const settled = work.finally(() => {
      isSettled = true;
    });
    settled.catch(() => undefined);
    const isDone = await this.scheduler.runUntil(() => isSettled);
    this.machine.nowMs = this.scheduler.nowMs;
    if (!isDone && !this.scheduler.ended) throw new Error('nothing is left to run, and the work is not done');
    return isDone ? { value: await settled } : undefined;
  }

  /** Sets `engine` or `refusal`. */
  async open(): Promise<void> {
    const { machine, clock } = this;
    const nodes: Node[] = [];
    for (const { id, path } of machine.nodes) {
      const { io: fileIo } = this;
      const description = { path, label: path.slice(1), group: path, weight: 1, role: 'active' as const };
      const store = await DirectoryNodeStore.open({
        path,
        id,
        volume: machine.volume.id,
        fileIo,
        clock,
        safety: simSafety,
      });
      nodes.push(new Node({ store, clock, ...description }));
    }
    await this.monitor.add(...nodes);
    for (const node of nodes.filter(({ state }) => isReadable(state))) await this.#measure(node);
    try {
      await this.#openEngine();
      this.monitor.onChange((change) => this.#onNodeChange(change));
    } catch (error) {
      const failure = asDriveError(error);
      if (!hasCode(failure, 'READ_ONLY', 'UNAVAILABLE', 'DAMAGED')) throw error;
      this.refusal = failure;
    }
  }

  async close(): Promise<void> {
    await this.#turns.run(async () => {
      await this.maintenance?.close();
      await this.engine?.close();
      await this.monitor.close();
    });
  }

  check(): ReturnType<typeof checkVolume> {
    const { engine, meta, machine } = this;
    const isOpen = (segment: string) => engine!.segments.openSegments().some((open) => open.segment === segment);
    return checkVolume({ meta: meta!, nodes: this.monitor.nodes, replicas: machine.volume.replicas, isOpen });
  }

  async #openEngine(): Promise<void> {
    const { machine, scheduler } = this;
    const isNew = !machine.isCreated;
    this.meta = await machine.index.open(scheduler);
    if (!this.meta.reader.tip() && !isNew) await this.#rebuild();
    let engine: VolumeEngine;
    try {
      engine = await this.#newEngine(isNew);
    } catch (error) {
      if (!hasCode(error, 'CORRUPT') || error.details.reason !== indexOffChain) throw error;
      machine.trace(`  index off the chain: ${error.message}`);
      await this.#rebuild();
      engine = await this.#newEngine(false);
    }
    this.engine = engine;
    const { id } = machine.volume;
    const { clock } = this;
    this.volume = new DriveVolume({ id, name: 'sim', engine: async () => engine, clock, random: machine.random });
    const events = { report: (_level: string, message: string) => machine.trace(`  ${message}`) };
    const hostOptions = {
      context: { clock, safety: simSafety },
      nodes: {
        get all() {
          return monitor.nodes;
        },
      },
      events,
      volume: machine.volume,
    };
    const { monitor } = this;
    this.maintenance = new Maintenance(hostFor(engine, hostOptions as unknown as Parameters<typeof hostFor>[1]));
    for (const node of this.monitor.nodes.filter(({ state }) => isReadable(state))) {
      if (engine.history.forked.includes(node.id)) machine.trace(`  ${node.label} is refused: another history`);
      else if (engine.history.behind.includes(node.id)) void this.#admit(node);
      else await this.#welcome(node);
    }
    this.maintenance.start();
  }

  async #rebuild(): Promise<void> {
    const { machine, scheduler } = this;
    machine.trace('  rebuilding the index');
    let adopt: (() => void) | undefined;
    const newIndex = async () => {
      const opened = await machine.index.openNew(scheduler);
      adopt = opened.adopt;
      return opened.store;
    };
    const present = this.monitor.nodes.filter(({ state }) => isReadable(state));
    this.meta = await rebuildIndex({ newIndex, nodes: present });
    adopt!();
  }

  #newEngine(isNew: boolean): Promise<VolumeEngine> {
    const { machine, clock } = this;
    return VolumeEngine.open({
      meta: this.meta!,
      nodes: () => this.monitor.nodes,
      volume: machine.volume,
      safety: simSafety,
      clock,
      random: machine.random,
      genesis: isNew ? machine.genesis : undefined,
      events: {
        onBroken: (error) => {
          machine.trace(`  broken: ${error.message}`);
          this.refusal = error;
        },
        onBadCopy: ({ segment, node, problem }) => {
          machine.trace(`  bad copy of ${segment} on ${node}: ${problem}`);
          const state = problem === 'missing' || problem === 'short' ? problem : 'damaged';
          const noted = this.engine?.committer.withWriter((w) => w.setReplicaStates([{ segment, node, state }]));
          void noted?.then(() => this.maintenance?.wantHealing()).catch(() => undefined);
        },
        onDamage: (entry, error) => machine.trace(`  damage in ${entry.name}: ${error.message}`),
        onFollowerLost: (id) => {
          const node = this.monitor.node(id);
          if (node) this.#retryAdmission(node);
        },
        onCommitted: (batch) => this.maintenance?.onBatch(batch),
        onTrouble: (what, error) => machine.trace(`  ${what}: ${asDriveError(error).message}`),
      },
    });
  }

  #onNodeChange({ node, from, to, reason }: NodeChange): void {
    this.machine.trace(`  ${node.label} is ${to}${reason ? `: ${reason}` : ''}`);
    if (isWritable(from) && !isWritable(to)) void this.#onLeft(node);
    if (to === 'returning' || (to === 'online' && from !== 'returning')) void this.#admit(node);
  }

  async #onLeft(node: Node): Promise<void> {
    this.engine?.segments.nodeLeft(node.id);
    try {
      await this.engine?.committer.refreshMembers();
    } catch (error) {
      this.machine.trace(`  the write set was not renewed: ${asDriveError(error).message}`);
    }
  }

  async #admit(node: Node): Promise<void> {
    if (this.#returning.has(node.id)) return;
    this.#returning.add(node.id);
    try {
      await this.#turns.run(() => this.#makeCurrent(node));
    } catch (error) {
      this.machine.trace(`  ${node.label} not current yet: ${asDriveError(error).message}`);
      this.#retryAdmission(node);
    } finally {
      this.#returning.delete(node.id);
    }
  }

  async #makeCurrent(node: Node): Promise<void> {
    const { engine, maintenance, meta } = this;
    if (!engine || !maintenance || this.refusal || !isReadable(node.state)) return;
    const host = { reader: meta!.reader, committer: engine.committer, writeSet: engine.history.writeSet };
    let verdict = await makeJournalCurrent(host, node);
    if (verdict === 'far-behind') {
      const tip = await maintenance.checkpointer.giveTo(node);
      verdict = await makeJournalCurrent(host, node, tip.sequence);
    }
    if (verdict === 'forked') {
      this.machine.trace(`  ${node.label} is refused: another history`);
      node.refuse('another history');
      return;
    }
    await this.#welcome(node);
    await engine.committer.refreshMembers();
    maintenance.onArrival(node.id);
  }

  async #welcome(node: Node): Promise<void> {
    node.noteSpace(await node.store.probe());
    await this.maintenance!.compareCopies(node);
    node.welcome();
  }

  #retryAdmission(node: Node): void {
    this.clock.schedule(simSafety.returnProbeIntervalMs, () => {
      if (isReadable(node.state)) void this.#admit(node);
    });
  }

  async #measure(node: Node): Promise<void> {
    try {
      node.noteSpace(await node.store.probe());
    } catch (error) {
      if (!(error instanceof DriveError)) throw error;
    }
  }
}
