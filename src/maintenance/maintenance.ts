/**
 * All background work of one engine: made when it opens, ended with it. Listing checks are asked for by node and run
 * one at a time; the other workers loop by themselves.
 */
import type { NodeId } from '../core/ids.js';
import type { BatchIdentity } from '../meta/meta-store.js';
import type { DataCheckReport, ScrubRunReport } from './checking/check-report.js';
import { DataCheck, type DataCheckOptions } from './checking/data-check.js';
import { Checkpointer } from './checkpointer.js';
import { Cleaner } from './cleaning/cleaner.js';
import { Pruner } from './cleaning/pruner.js';
import { Attic } from './deletion/attic.js';
import type { AtticListing, RestoreOptions, RestoreReport } from './deletion/attic-report.js';
import { AtticRestorer } from './deletion/attic-restorer.js';
import { AtticWorker } from './deletion/attic-worker.js';
import { DeletionGate } from './deletion/deletion-gate.js';
import { ListingCheck } from './deletion/listing-check.js';
import { ListingWorker } from './deletion/listing-worker.js';
import { HashList } from './hash-list.js';
import { CatchUp } from './healing/catch-up.js';
import { Healer } from './healing/healer.js';
import { LeftoverSealer } from './healing/leftover-sealer.js';
import { PlaceFinder } from './healing/place-finder.js';
import { SealHasher } from './healing/seal-hasher.js';
import type { MaintenanceHost, MaintenanceNode } from './maintenance-host.js';
import { Mover } from './moving/mover.js';
import { ProtectionKeeper } from './protection/protection-keeper.js';
import { Scheduler } from './scheduler.js';
import { HistoryScrubber } from './scrubbing/history-scrubber.js';
import { Scrubber } from './scrubbing/scrubber.js';

const idleMs = 1_000;
const backOffLimitMs = 30_000;

export class Maintenance {
  readonly healer: Healer;
  readonly catchUp: CatchUp;
  readonly checkpointer: Checkpointer;
  readonly scrubber: Scrubber;
  readonly histories: HistoryScrubber;
  readonly mover: Mover;
  private readonly host: MaintenanceHost;
  private readonly attic: Attic;
  private readonly listings: ListingCheck;
  private readonly listingWorker: ListingWorker;
  private readonly atticWorker: AtticWorker;
  private readonly places: PlaceFinder;
  private readonly leftovers: LeftoverSealer;
  private readonly hasher: SealHasher;
  private readonly hashList: HashList;
  private readonly protection: ProtectionKeeper;
  private readonly scheduler: Scheduler;

  /** Before anything is written: what the index calls open then was left open by an earlier opening. */
  constructor(host: MaintenanceHost) {
    this.host = host;
    this.attic = new Attic(host);
    const gate = new DeletionGate(host, this.attic);
    this.healer = new Healer(host);
    this.catchUp = new CatchUp(host);
    this.checkpointer = new Checkpointer(host, gate);
    this.listings = new ListingCheck(host, gate);
    this.listingWorker = new ListingWorker(host, (node, signal) => this.compareListing(node, signal));
    this.atticWorker = new AtticWorker(host, this.attic);
    this.places = new PlaceFinder(host);
    this.leftovers = new LeftoverSealer(host, () => this.wantHashes());
    this.hasher = new SealHasher(host, () => this.wantHealing());
    this.protection = new ProtectionKeeper(host, {
      onRaised: () => this.wantHealing(),
      onGivenUp: (nodes) => {
        for (const node of nodes) this.wantListing(node);
      },
    });
    this.hashList = new HashList(host);
    this.scrubber = new Scrubber(host, () => this.wantHealing());
    this.histories = new HistoryScrubber(host, {
      bytesPerSecond: () => this.scrubber.status().bytesPerSecond,
      renewCheckpoint: () => this.checkpointer.renew(),
      renewHashList: (node) => this.hashList.renew(node),
    });
    this.mover = new Mover(host, {
      isHealing: () => this.healer.status().active,
      onGivenUp: (node) => this.wantListing(node),
    });
    this.scheduler = new Scheduler({
      clock: host.clock,
      idleMs,
      backOffLimitMs,
      onError: (worker, error) => {
        const message = error instanceof Error ? error.message : String(error);
        host.report('warning', `background work "${worker}" failed and is tried again: ${message}`);
      },
    });
  }

  start(): void {
    const cleaner = new Cleaner(this.host, (segments) => {
      this.listings.noteRetired(segments);
      for (const node of this.host.nodes()) this.wantListing(node.id);
    });
    const workers = [
      this.places,
      this.leftovers,
      this.hasher,
      this.healer,
      this.catchUp,
      this.checkpointer,
      this.protection,
      cleaner,
      new Pruner(this.host),
      this.hashList,
      this.listingWorker,
      this.atticWorker,
      this.scrubber,
      this.histories,
      this.mover,
    ];
    for (const worker of workers) this.scheduler.start(worker);
  }

  onBatch(batch: BatchIdentity): void {
    this.checkpointer.onBatch(batch.bytes.length);
  }

  /** Something points to a copy that needs healing. */
  wantHealing(): void {
    this.healer.lookAgain();
    this.scheduler.wake(this.healer.name);
  }

  /** Folders want another number of copies, or files came under another setting. */
  wantProtection(): void {
    this.protection.lookAgain();
    this.scheduler.wake(this.protection.name);
  }

  /** Segments were sealed unread: until their copies are verified, status may call a bad one good. */
  private wantHashes(): void {
    this.hasher.lookAgain();
    this.scheduler.wake(this.hasher.name);
  }

  wantListing(node: NodeId): void {
    this.listingWorker.want(node);
    this.scheduler.wake(this.listingWorker.name);
  }

  /** A node came and was made current. */
  onArrival(node: NodeId): void {
    this.places.lookAgain();
    this.scheduler.wake(this.places.name);
    this.wantHealing();
    this.scheduler.wake(this.catchUp.name);
    this.wantListing(node);
  }

  /** A node is emptied, stays, or became a full copy. */
  onRoleChange(): void {
    this.wantHealing();
    this.scheduler.wake(this.catchUp.name);
    this.scheduler.wake(this.mover.name);
  }

  /** Lost and short copies on a node that is about to be welcomed; what lies there without need is left for later. */
  async compareCopies(node: MaintenanceNode): Promise<void> {
    const { missing, short } = await this.listings.findBadCopies(node);
    if (missing + short === 0) return;
    this.host.report(
      'warning',
      `${node.label}: ${missing} segment file(s) missing, ${short} too short; they are copied again`,
    );
    this.wantHealing();
  }

  /** Bytes that wait in a node's attic. */
  atticBytes(node: NodeId): number {
    return this.attic.bytes(node);
  }

  /** Files of retired segments wait for the gate: their room comes soon. */
  get isReclaiming(): boolean {
    return this.listingWorker.isAwaited;
  }

  /** Empties all attics now, because there is no room; the bytes that were freed. */
  emptyAttics(): Promise<number> {
    return this.atticWorker.emptyAll();
  }

  listAttics(): Promise<AtticListing> {
    return this.attic.listAll();
  }

  /** See attic-restorer.ts. What came back is made whole at once. */
  async restoreFromAttics(options: RestoreOptions): Promise<RestoreReport> {
    const report = await new AtticRestorer(this.host, this.attic).restore(options);
    this.places.lookAgain();
    this.wantHealing();
    // A segment that was retired comes back without a number of its own.
    this.wantProtection();
    return report;
  }

  /** Reads copies; those found bad are made again. ABORTED. */
  async checkData(options: DataCheckOptions): Promise<DataCheckReport> {
    const check = new DataCheck(this.host, options);
    try {
      return await check.run();
    } finally {
      this.scrubber.count(check.counts());
      this.wantHealing();
    }
  }

  /** The same of everything, with journals and checkpoints; what is still being written is sealed first. ABORTED. */
  async scrub(options: Omit<DataCheckOptions, 'part' | 'parts' | 'completes'>): Promise<ScrubRunReport> {
    const data = await this.checkData({ ...options, part: 1, parts: 1, completes: true });
    const histories = await this.histories.proveAll(options);
    return {
      ...data,
      degraded: [...data.degraded, ...histories.sentences],
      readBytes: data.readBytes + histories.readBytes,
      readJournals: histories.readJournals,
    };
  }

  async close(): Promise<void> {
    await this.scheduler.close();
    await this.hasher.close();
  }

  private async compareListing(node: MaintenanceNode, signal: AbortSignal): Promise<void> {
    await this.compareCopies(node);
    const { removed } = await this.listings.clearUnreferred(node, signal);
    if (removed > 0) this.wantHealing();
  }
}
