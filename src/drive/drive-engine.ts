/**
 * Keeps one engine serving for a drive, with the background work beside it: has one opened (engine-opener.ts), and again
 * when the committer breaks or when a volume that could only be read gets a disk back. Nodes that come and go are handed
 * to the engine here.
 */
import { asDriveError, DriveError, hasCode, sayWithHint } from '../core/errors.js';
import { Mutex } from '../core/mutex.js';
import { Maintenance } from '../maintenance/maintenance.js';
import type { MetaStore } from '../meta/meta-store.js';
import type { Node, NodeChange } from '../node/node.js';
import { isReadable, isWritable, type NodeState } from '../node/node-state.js';
import type { BadCopy } from '../store/store-types.js';
import type { VolumeEngine } from '../volume/engine.js';
import { emptyAttics } from './drive-attics.js';
import { hostFor } from './drive-host.js';
import { JournalBacklog, savePositions } from './drive-positions.js';
import { type EngineHooks, EngineOpener, type OpenerOptions } from './engine-opener.js';
import type { Absences } from './members/absences.js';
import { NodeAdmission } from './members/node-admission.js';
import { DamagedFiles } from './status/damaged-files.js';
import { newsOf } from './status/node-news.js';

export interface DriveEngineOptions extends OpenerOptions {
  readonly directory: string;
  /** Default: nothing is known of any absence. */
  readonly absences?: Absences | undefined;
}

interface Running {
  readonly engine: VolumeEngine;
  readonly maintenance: Maintenance;
  readonly backlog: JournalBacklog;
}

/** Positions of the nodes' journals are written down this often. */
const positionsMs = 5_000;
/** Doubled at each failure, up to `retryWritingMs`. */
const reopenMs = 1_000;
/** Trouble that no disk's return ends (the index's own disk, say) is tried again this often. */
const retryWritingMs = 30_000;

export class DriveEngine {
  readonly damagedFiles = new DamagedFiles();
  private readonly options: DriveEngineOptions;
  private readonly opener: EngineOpener;
  private readonly turns = new Mutex();
  private running: Running | undefined;
  private failure: DriveError | undefined;
  /** Since when it takes no changes. */
  private stoppedMs: number | undefined;
  private readonly admission: NodeAdmission;
  private stopPositions: () => void = () => undefined;
  private readonly stopListening: (() => void)[] = [];
  private nextReopening: { readonly atMs: number; readonly cancel: () => void } | undefined;
  private reopenDelayMs = reopenMs;
  private closed = false;
  private givingBack: Promise<boolean> | undefined;

  private constructor(options: DriveEngineOptions) {
    this.options = options;
    this.opener = new EngineOpener(options, (error) => this.onIndexDamage(error));
    this.admission = new NodeAdmission({
      context: options.context,
      nodes: options.nodes,
      turns: this.turns,
      running: () => (this.failure ? undefined : this.running),
      isClosed: () => this.closed,
      warn: (what, error) => this.warn(what, error),
    });
  }

  /** Open for reading only when no disk with the newest changes is there (`trouble` says why). */
  static async open(options: DriveEngineOptions): Promise<DriveEngine> {
    const drive = new DriveEngine(options);
    const { monitor } = options.nodes;
    // Before the first turn: a node that comes while the history is opened waits for the next one.
    drive.stopListening.push(
      monitor.onChange((change) => drive.onNodeChange(change)),
      monitor.onListingHint((node) => drive.running?.maintenance.wantListing(node.id)),
    );
    for (const node of options.nodes.all) if (!isReadable(node.state)) options.absences?.noteLeft(node.id);
    try {
      await drive.turns.run(() => drive.start());
    } catch (error) {
      await drive.close();
      throw error;
    }
    drive.schedulePositions();
    return drive;
  }

  get index(): MetaStore {
    return this.opener.index;
  }

  get maintenance(): Maintenance | undefined {
    return this.running?.maintenance;
  }

  /** undefined while the volume is being opened again. */
  get serving(): VolumeEngine | undefined {
    return this.opener.isDamaged ? undefined : this.running?.engine;
  }

  /** Why it does not serve, or only for reading. */
  get trouble(): DriveError | undefined {
    return this.failure;
  }

  /** It takes no changes, but only for so short a time that they are kept waiting. */
  get isJustStopped(): boolean {
    const { clock, safety } = this.options.context;
    return this.stoppedMs !== undefined && clock.monotonic() - this.stoppedMs < safety.retryMs;
  }

  /** The engine that serves now; waits for one that is being opened, until none has served for a bounded time. UNAVAILABLE, CLOSED. */
  engine(): Promise<VolumeEngine> {
    return this.engineWithin(this.stoppedMs);
  }

  /** `sinceMs` (monotonic, default: now): where the bounded time begins. */
  private async engineWithin(sinceMs?: number): Promise<VolumeEngine> {
    const { clock, safety } = this.options.context;
    const deadline = (sinceMs ?? clock.monotonic()) + safety.retryMs;
    for (;;) {
      const { serving } = this;
      if (serving) return serving;
      if (this.closed) throw new DriveError('CLOSED');
      if (clock.monotonic() >= deadline) throw this.failure ?? new DriveError('UNAVAILABLE');
      await clock.sleep(Math.min(100, safety.retryMs));
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const stop of this.stopListening) stop();
    this.stopPositions();
    this.nextReopening?.cancel();
    await this.turns.run(async () => {
      try {
        await this.savePositions();
        await this.stop();
      } finally {
        await this.opener.close();
      }
    });
  }

  /** A node that just came (back), or whose journal fell behind: makes it current and welcomes it. */
  async admit(node: Node): Promise<void> {
    await this.admission.admit(node);
  }

  /** A node's role changed, or it is about to leave: what is open is sealed, and the write set follows. */
  async nodesChanged(): Promise<void> {
    const { segments, committer } = await this.engine();
    await segments.sealAll();
    await committer.refreshMembers();
    this.maintenance?.onRoleChange();
  }

  private async start(): Promise<void> {
    try {
      await this.openEngine(undefined);
      // It may have broken again while nodes were welcomed: the reopening that waits for this turn must find it so.
      if (this.opener.isDamaged || this.running?.engine.committer.isBroken) return;
      this.failure = undefined;
      this.stoppedMs = undefined;
      this.admission.admitStragglers();
    } catch (error) {
      const failure = asDriveError(error);
      if (!hasCode(failure, 'READ_ONLY', 'UNAVAILABLE') || failure.details.indexIsGone) throw error;
      const isNews = failure.message !== this.failure?.message;
      this.fail(failure);
      await this.openEngine(failure);
      if (hasCode(failure, 'UNAVAILABLE')) this.scheduleReopen(retryWritingMs);
      if (isNews) this.options.events.report('error', `open for reading only: ${sayWithHint(failure)}`);
    }
  }

  private async openEngine(refusal: DriveError | undefined): Promise<void> {
    const engine = await this.opener.open(refusal, this.hooks());
    const maintenance = new Maintenance(hostFor(engine, this.options));
    const backlog = new JournalBacklog(this.options.context.safety.journalRetainBytes);
    backlog.count(this.index.reader);
    this.running = { engine, maintenance, backlog };
    if (refusal) return;
    const { history } = engine;
    for (const node of this.options.nodes.present) {
      if (history.writeSet.position(node.id) !== undefined) await this.admission.welcomeOrRetry(node, maintenance);
    }
    maintenance.start();
  }

  private hooks(): EngineHooks {
    const { nodes, events } = this.options;
    return {
      // Half a body is out already: worth the whole time, however long nothing served before.
      current: () => this.engineWithin(),
      attic: {
        bytes: (node) => this.running?.maintenance.atticBytes(node) ?? 0,
        giveBack: () => this.giveBackAttics(),
        isReclaiming: () => this.running?.maintenance.isReclaiming ?? false,
      },
      events: {
        onBroken: (error) => this.onBroken(error),
        onBadCopy: (copy) => void this.noteBadCopy(copy),
        onDamage: (entry, error) => {
          const path = this.damagedFiles.note(entry, error, this.index.reader);
          if (path !== undefined) events.report('error', `${path} cannot be read whole: ${error.message}`, 'file-lost');
        },
        onReadWhole: (entry) => this.damagedFiles.noteWhole(entry),
        onNeedsChanged: () => this.running?.maintenance.wantProtection(),
        onFollowerLost: (id) => this.admission.retry(nodes.get(id)),
        onCommitted: (batch) => {
          this.running?.maintenance.onBatch(batch);
          this.running?.backlog.add(batch);
        },
        onTrouble: (what, error) => this.warn(what, error),
      },
    };
  }

  private async stop(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    if (!running) return;
    try {
      await running.maintenance.close();
    } finally {
      await this.opener.end(running.engine);
    }
  }

  private fail(error: DriveError): void {
    this.failure = error;
    this.stoppedMs ??= this.options.context.clock.monotonic();
  }

  private onBroken(error: DriveError): void {
    this.fail(error);
    if (this.closed) return;
    this.options.events.report('error', sayWithHint(error));
    this.scheduleReopen(0);
  }

  /** Nothing is answered, and nothing acknowledged, from an index that is damaged: it is made anew from the nodes. */
  private onIndexDamage(cause: DriveError): void {
    if (this.closed) return;
    const error = new DriveError('UNAVAILABLE', { message: cause.message, hint: cause.hint, cause });
    this.running?.engine.committer.stop(error);
    this.onBroken(error);
  }

  /** One is planned at a time: the earliest that was wished for. */
  private scheduleReopen(delayMs: number): void {
    if (this.closed) return;
    const { clock } = this.options.context;
    const atMs = clock.monotonic() + delayMs;
    if (this.nextReopening && this.nextReopening.atMs <= atMs) return;
    this.nextReopening?.cancel();
    const cancel = clock.schedule(delayMs, () => {
      this.nextReopening = undefined;
      void this.reopen();
    });
    this.nextReopening = { atMs, cancel };
  }

  private async reopen(): Promise<void> {
    await this.turns.run(async () => {
      if (this.closed || (this.running && !this.failure)) return;
      try {
        await this.stop().catch((error: unknown) => {
          if (!this.opener.isDamaged) throw error;
        });
        await this.opener.renewIndex();
        await this.start();
      } catch (error) {
        this.fail(asDriveError(error));
        this.scheduleReopen(this.reopenDelayMs);
        this.reopenDelayMs = Math.min(2 * this.reopenDelayMs, retryWritingMs);
        return;
      }
      this.reopenDelayMs = reopenMs;
      if (!this.failure) this.options.events.report('info', 'the volume takes changes again');
    });
  }

  private onNodeChange(change: NodeChange): void {
    const { node, from, to } = change;
    const { events, absences } = this.options;
    const { level, message, kind } = newsOf(change, {
      absence: absences?.of(node.id) ?? 'unexplained',
      hadLeft: absences?.hasLeft(node.id) ?? false,
    });
    events.report(level, message, kind);
    // A probe has succeeded: what it failed at before counts no more.
    if (to === 'online') this.running?.engine.segments.trust(node.id);
    if (to === 'online' && from === 'returning') this.noteReturn(node);
    if (to === 'offline') absences?.noteLeft(node.id);
    if (isWritable(from) && !isWritable(to)) void this.onLeft(node, to);
    if (to !== 'returning' && (to !== 'online' || from === 'returning')) return;
    if (this.failure) this.scheduleReopen(0);
    else void this.admit(node);
  }

  /** What its operator said of its absence is over with it. */
  private noteReturn(node: Node): void {
    const noted = this.options.absences?.noteReturn(node.id).then((hadLeft) => {
      if (hadLeft) node.describe({ isLeaving: false });
    });
    noted?.catch((error: unknown) => this.warn(`that ${node.label} is back could not be noted`, error));
  }

  private async onLeft(node: Node, to: NodeState): Promise<void> {
    if (!this.running) return;
    const { engine } = this.running;
    // What a full node holds is good: it only gets nothing new.
    if (to !== 'full') engine.segments.nodeLeft(node.id);
    try {
      await engine.committer.refreshMembers();
    } catch (error) {
      this.warn('the write set could not be renewed', error);
    }
  }

  private async noteBadCopy({ segment, node, problem }: BadCopy): Promise<void> {
    const { running } = this;
    if (!running) return;
    const state = problem === 'io' ? 'damaged' : problem;
    try {
      await running.engine.committer.withWriter((writer) => writer.setReplicaStates([{ segment, node, state }]));
      running.maintenance.wantHealing();
    } catch (error) {
      this.warn('a bad copy could not be noted', error);
    }
  }

  private warn(what: string, error: unknown): void {
    if (!this.closed) this.options.events.report('warning', `${what}: ${sayWithHint(error)}`);
  }

  private schedulePositions(): void {
    this.stopPositions = this.options.context.clock.schedule(positionsMs, () => {
      const saved = this.turns.run(() => this.savePositions());
      void saved.finally(() => {
        this.admission.admitStragglers();
        if (!this.closed) this.schedulePositions();
      });
    });
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
      this.warn('journal positions not saved', error);
    }
  }

  private giveBackAttics(): Promise<boolean> {
    if (!this.running) return Promise.resolve(false);
    this.givingBack ??= emptyAttics(this.running, this.options).finally(() => {
      this.givingBack = undefined;
    });
    return this.givingBack;
  }
}
