/**
 * Keeps one engine open for a drive: opens the index (rebuilding one that is missing, damaged or of another history),
 * opens the history, starts the background work, and does it again when the committer breaks or when a volume that
 * could only be read gets a disk back. Nodes that come and go are handed to the engine here.
 */
import { join } from 'node:path';
import { asDriveError, DriveError, hasCode } from '../core/errors.js';
import type { NodeId } from '../core/ids.js';
import { Mutex } from '../core/mutex.js';
import { Maintenance } from '../maintenance/maintenance.js';
import type { MetaStore } from '../meta/meta-store.js';
import type { Operation } from '../meta/operations.js';
import { openMetaStore } from '../meta/sqlite-meta-store.js';
import type { Node, NodeChange } from '../node/node.js';
import { isReadable, isWritable, type NodeState } from '../node/node-state.js';
import { VolumeEngine } from '../volume/engine.js';
import { makeJournalCurrent } from '../volume/history/node-return.js';
import { indexOffChain } from '../volume/history/opening.js';
import type { DriveContext } from './drive-context.js';
import type { DriveEvents } from './drive-events.js';
import { hostFor } from './drive-host.js';
import type { DriveNodes } from './drive-nodes.js';
import { JournalBacklog, savePositions } from './drive-positions.js';
import { moveIndexAside, rebuildInto } from './drive-rebuild.js';

export interface DriveEngineOptions {
  readonly directory: string;
  readonly context: DriveContext;
  readonly nodes: DriveNodes;
  readonly events: DriveEvents;
  readonly volume: { readonly id: string; readonly replicas: number };
  readonly meta: MetaStore;
  readonly genesis?: readonly Operation[] | undefined;
}

interface Running {
  readonly engine: VolumeEngine;
  readonly maintenance: Maintenance;
  readonly backlog: JournalBacklog;
}

/** Positions of the nodes' journals are written down this often. */
const positionsMs = 5_000;
const reopenMs = 1_000;

export class DriveEngine {
  readonly damaged = new Map<string, number>();
  private readonly options: DriveEngineOptions;
  private readonly turns = new Mutex();
  private meta: MetaStore;
  private running: Running | undefined;
  private failure: DriveError | undefined;
  private readonly returning = new Set<NodeId>();
  private stopPositions: () => void = () => undefined;
  private readonly stopListening: (() => void)[] = [];
  private closed = false;
  private givingBack: Promise<boolean> | undefined;

  private constructor(options: DriveEngineOptions) {
    this.options = options;
    this.meta = options.meta;
  }

  /** Open for reading only when no disk with the newest changes is there (`readOnlyReason` says why). */
  static async open(options: DriveEngineOptions): Promise<DriveEngine> {
    const drive = new DriveEngine(options);
    await drive.turns.run(() => drive.start());
    const { monitor } = options.nodes;
    drive.stopListening.push(
      monitor.onChange((change) => drive.onNodeChange(change)),
      monitor.onListingHint((node) => drive.running?.maintenance.wantListing(node.id)),
    );
    drive.schedulePositions();
    return drive;
  }

  get readOnlyReason(): string | null {
    return this.running && this.failure ? this.failure.message : null;
  }

  get index(): MetaStore {
    return this.meta;
  }

  get maintenance(): Maintenance | undefined {
    return this.running?.maintenance;
  }

  /** The engine that serves now; waits for one that is being opened, for a bounded time. UNAVAILABLE, CLOSED. */
  async engine(): Promise<VolumeEngine> {
    const { clock, safety } = this.options.context;
    const deadline = clock.monotonic() + safety.retryMs;
    while (!this.running) {
      if (this.closed) throw new DriveError('CLOSED');
      if (clock.monotonic() >= deadline) throw this.failure ?? new DriveError('UNAVAILABLE');
      await clock.sleep(Math.min(100, safety.retryMs));
    }
    return this.running.engine;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const stop of this.stopListening) stop();
    this.stopPositions();
    await this.turns.run(async () => {
      await this.savePositions();
      await this.stop();
      await this.meta.close();
    });
  }

  /** A node that just came (back), or whose journal fell behind: makes it current and welcomes it. */
  async admit(node: Node): Promise<void> {
    if (this.returning.has(node.id) || this.closed) return;
    this.returning.add(node.id);
    try {
      await this.turns.run(() => this.makeCurrent(node));
    } catch (error) {
      this.options.events.report(
        'warning',
        `${node.label} could not be made current yet: ${asDriveError(error).message}`,
      );
      this.retryAdmission(node);
    } finally {
      this.returning.delete(node.id);
    }
  }

  private async start(): Promise<void> {
    try {
      await this.openEngine(undefined);
      this.failure = undefined;
    } catch (error) {
      const failure = asDriveError(error);
      if (!hasCode(failure, 'READ_ONLY', 'UNAVAILABLE')) throw error;
      this.failure = failure;
      await this.openEngine(failure);
      this.options.events.report('error', `open for reading only: ${failure.message}. ${failure.hint ?? ''}`);
    }
  }

  private async openEngine(refusal: DriveError | undefined): Promise<void> {
    const engine = await this.openOrRebuild(refusal);
    const maintenance = new Maintenance(hostFor(engine, this.options));
    const backlog = new JournalBacklog(this.options.context.safety.journalRetainBytes);
    backlog.count(this.meta.reader);
    this.running = { engine, maintenance, backlog };
    if (refusal) return;
    const { history } = engine;
    for (const node of this.options.nodes.present) {
      if (history.forked.includes(node.id)) continue;
      if (history.behind.includes(node.id)) void this.admit(node);
      else await this.welcomeOrRetry(node, maintenance);
    }
    maintenance.start();
  }

  private async openOrRebuild(refusal: DriveError | undefined): Promise<VolumeEngine> {
    const { directory, context, nodes, events } = this.options;
    try {
      return await this.newEngine(refusal);
    } catch (error) {
      if (!hasCode(error, 'CORRUPT') || error.details.reason !== indexOffChain) throw error;
      events.report('warning', `the index does not match the nodes (${error.message}): it is moved aside and rebuilt`);
      await this.meta.close();
      await moveIndexAside(context, directory);
      await rebuildInto({ directory, context, nodes: nodes.present });
      this.meta = await openMetaStore({ file: join(directory, 'index.db') });
      return this.newEngine(refusal);
    }
  }

  private newEngine(refusal: DriveError | undefined): Promise<VolumeEngine> {
    const { context, nodes, events, volume, genesis } = this.options;
    return VolumeEngine.open({
      meta: this.meta,
      nodes: () => nodes.all,
      volume,
      safety: context.safety,
      clock: context.clock,
      random: context.random,
      genesis: this.meta.reader.tip() ? undefined : genesis,
      refusal,
      attic: {
        bytes: (node) => this.running?.maintenance.atticBytes(node) ?? 0,
        giveBack: () => this.giveBackAttics(),
      },
      events: {
        onBroken: (error) => this.onBroken(error),
        onBadCopy: ({ segment, node, problem }) => {
          const state = problem === 'missing' || problem === 'short' ? problem : 'damaged';
          void this.noteBadCopy(segment, node, state);
        },
        onDamage: (entry, error) => {
          const path = `/${(this.meta.reader.pathOf(entry.id) ?? [entry.name]).join('/')}`;
          if (!this.damaged.has(path)) events.report('error', `${path} cannot be read whole: ${error.message}`);
          this.damaged.set(path, context.clock.now());
        },
        onFollowerLost: (id) => {
          const node = nodes.get(id);
          if (node) this.retryAdmission(node);
        },
        onCommitted: (batch) => {
          this.running?.maintenance.onBatch(batch);
          this.running?.backlog.add(batch);
        },
        onTrouble: (what, error) => events.report('warning', `${what}: ${asDriveError(error).message}`),
      },
    });
  }

  private async stop(): Promise<void> {
    const running = this.running;
    this.running = undefined;
    await running?.maintenance.close();
    await running?.engine.close();
  }

  private onBroken(error: DriveError): void {
    this.failure = error;
    if (this.closed) return;
    this.options.events.report('error', error.message);
    this.scheduleReopen(0);
  }

  private scheduleReopen(delayMs: number): void {
    this.options.context.clock.schedule(delayMs, () => void this.reopen());
  }

  private async reopen(): Promise<void> {
    await this.turns.run(async () => {
      if (this.closed || (this.running && !this.failure)) return;
      try {
        await this.stop();
        await this.meta.close();
        this.meta = await openMetaStore({ file: join(this.options.directory, 'index.db') });
        await this.start();
      } catch (error) {
        this.failure = asDriveError(error);
        this.scheduleReopen(reopenMs);
        return;
      }
      if (!this.failure) this.options.events.report('info', 'the volume takes changes again');
    });
  }

  private onNodeChange({ node, from, to, reason }: NodeChange): void {
    const { events } = this.options;
    const level = to === 'online' ? 'info' : 'warning';
    events.report(level, `${node.label} is ${to}${reason ? `: ${reason}` : ''}`);
    if (isWritable(from) && !isWritable(to)) void this.onLeft(node, to);
    const canJoin = to === 'returning' || (to === 'online' && from !== 'returning');
    if (canJoin) {
      if (this.failure) this.scheduleReopen(0);
      else void this.admit(node);
    }
  }

  private async onLeft(node: Node, to: NodeState): Promise<void> {
    const engine = this.running?.engine;
    if (!engine) return;
    // What a full node holds is good: it only gets nothing new.
    if (to !== 'full') engine.segments.nodeLeft(node.id);
    try {
      await engine.committer.refreshMembers();
    } catch (error) {
      this.options.events.report('warning', `the write set could not be renewed: ${asDriveError(error).message}`);
    }
  }

  private async makeCurrent(node: Node): Promise<void> {
    const running = this.running;
    if (!running || this.failure || !isReadable(node.state)) return;
    const { engine, maintenance } = running;
    const host = { reader: this.meta.reader, committer: engine.committer, writeSet: engine.history.writeSet };
    let verdict = await makeJournalCurrent(host, node);
    if (verdict === 'far-behind') {
      const tip = await maintenance.checkpointer.giveTo(node);
      verdict = await makeJournalCurrent(host, node, tip.sequence);
    }
    if (verdict === 'forked') {
      node.refuse('it holds changes of another history of this volume; nothing on it is touched');
      return;
    }
    await this.welcome(node, maintenance);
    await engine.committer.refreshMembers();
    this.damaged.clear();
    maintenance.onArrival(node.id);
  }

  private async welcome(node: Node, maintenance: Maintenance): Promise<void> {
    node.noteSpace(await node.store.probe());
    await maintenance.compareCopies(node);
    node.welcome();
  }

  /** At opening, one sick disk does not keep the others waiting. */
  private async welcomeOrRetry(node: Node, maintenance: Maintenance): Promise<void> {
    try {
      await this.welcome(node, maintenance);
    } catch (error) {
      if (!hasCode(error, 'NODE_GONE', 'NODE_IO', 'NODE_FULL', 'NODE_READ_ONLY', 'FILE_MISSING')) throw error;
      this.retryAdmission(node);
    }
  }

  /** A disk that is full, read-only or suspect is admitted when its state ends: a change of state leads here again. */
  private retryAdmission(node: Node): void {
    const { clock, safety } = this.options.context;
    clock.schedule(safety.returnProbeIntervalMs, () => {
      if (!this.closed && (node.state === 'returning' || node.state === 'online')) void this.admit(node);
    });
  }

  private async noteBadCopy(segment: string, node: NodeId, state: 'missing' | 'damaged' | 'short'): Promise<void> {
    const running = this.running;
    if (!running) return;
    try {
      await running.engine.committer.withWriter((writer) => writer.setReplicaStates([{ segment, node, state }]));
      running.maintenance.wantHealing();
    } catch (error) {
      if (!this.closed)
        this.options.events.report('warning', `a bad copy could not be noted: ${asDriveError(error).message}`);
    }
  }

  private schedulePositions(): void {
    this.stopPositions = this.options.context.clock.schedule(positionsMs, () => {
      void this.turns
        .run(() => this.savePositions())
        .finally(() => {
          this.admitStragglers();
          if (!this.closed) this.schedulePositions();
        });
    });
  }

  /** A node that is well and takes no batches: its journal failed without a word from its disk. */
  private admitStragglers(): void {
    const { running } = this;
    if (!running || this.failure || this.closed) return;
    const following = new Set(running.engine.history.writeSet.positions().map(({ node }) => node));
    for (const node of this.options.nodes.all) {
      if (isWritable(node.state) && !following.has(node.id)) void this.admit(node);
    }
  }

  private async savePositions(): Promise<void> {
    if (!this.running || this.failure) return;
    const { events, nodes } = this.options;
    try {
      for (const id of await savePositions(this.running.engine, this.running.backlog)) {
        const label = nodes.get(id)?.label ?? id;
        events.report('info', `${label} is far behind: it is given a checkpoint when it comes back`);
      }
    } catch (error) {
      if (!this.closed) events.report('warning', `journal positions not saved: ${asDriveError(error).message}`);
    }
  }

  private giveBackAttics(): Promise<boolean> {
    this.givingBack ??= this.emptyAttics().finally(() => {
      this.givingBack = undefined;
    });
    return this.givingBack;
  }

  /** Room counts once a probe has seen it; a node that was full is used again a moment later. */
  private async emptyAttics(): Promise<boolean> {
    const { running } = this;
    if (!running) return false;
    let hasRoom = (await running.maintenance.emptyAttics()) > 0;
    const { nodes, context } = this.options;
    for (const node of nodes.all.filter(({ state }) => state === 'online' || state === 'full')) {
      try {
        node.noteSpace(await node.store.probe());
        const isUsable = node.space!.freeBytes > running.engine.segments.limits().reserveBytes;
        if (node.state !== 'full' || !isUsable) continue;
        nodes.monitor.probeSoon(node.id);
        for (let waits = 0; node.state === 'full' && waits < 20; waits += 1) await context.clock.sleep(50);
        hasRoom ||= node.state !== 'full';
      } catch {
        // The node's own keeper has seen it; there is room on the others, or there is none.
      }
    }
    return hasRoom;
  }
}
