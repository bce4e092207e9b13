/**
 * All background work of one engine: made when it opens, ended with it. Listing checks are asked for by node and run
 * one at a time; the other workers loop by themselves.
 */
import type { NodeId } from '../core/ids.js';
import type { BatchIdentity } from '../meta/meta-store.js';
import { Checkpointer } from './checkpointer.js';
import { Cleaner } from './cleaner.js';
import { DeletionGate } from './deletion-gate.js';
import { HashList } from './hash-list.js';
import { Healer } from './healer.js';
import { checkListing } from './listing-check.js';
import type { MaintenanceHost, MaintenanceNode } from './maintenance-host.js';
import { Pruner } from './pruner.js';
import { Scheduler } from './scheduler.js';
import type { StepResult, Worker } from './worker.js';

const idleMs = 1_000;
const backOffLimitMs = 30_000;
/** A node's listing is compared this often without any hint. */
const listingIntervalMs = 60_000;
/** How often the attics are looked at. */
const atticIntervalMs = 30_000;

export class Maintenance {
  readonly healer: Healer;
  readonly checkpointer: Checkpointer;
  private readonly host: MaintenanceHost;
  private readonly gate: DeletionGate;
  private readonly scheduler: Scheduler;
  /** Nodes whose listing is to be compared: hints come in any number, the work is done once. */
  private readonly listingWanted = new Set<NodeId>();

  constructor(host: MaintenanceHost) {
    this.host = host;
    this.gate = new DeletionGate(host);
    this.healer = new Healer(host, this.gate);
    this.checkpointer = new Checkpointer(host, this.gate);
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
    const cleaner = new Cleaner(this.host, () => this.wantAllListings());
    const workers: Worker[] = [
      this.healer,
      this.checkpointer,
      cleaner,
      new Pruner(this.host),
      new HashList(this.host),
      this.listingWorker(),
      this.atticWorker(),
    ];
    for (const worker of workers) this.scheduler.start(worker);
  }

  onBatch(batch: BatchIdentity): void {
    this.checkpointer.onBatch(batch.bytes.length);
  }

  /** Something points to a copy that needs healing. */
  wantHealing(): void {
    this.scheduler.wake(this.healer.name);
  }

  wantListing(node: NodeId): void {
    this.listingWanted.add(node);
    this.scheduler.wake('listing');
  }

  /** Compares the listing now; for a node that is about to be welcomed. */
  async compareListing(node: MaintenanceNode): Promise<void> {
    const { missing, short } = await checkListing(this.host, this.gate, node);
    if (missing + short === 0) return;
    this.host.report(
      'warning',
      `${node.label}: ${missing} segment file(s) missing, ${short} too short; they are copied again`,
    );
    this.wantHealing();
  }

  async close(): Promise<void> {
    await this.scheduler.close();
  }

  private wantAllListings(): void {
    for (const node of this.host.nodes()) this.wantListing(node.id);
  }

  private listingWorker(): Worker {
    let lastFullMs = this.host.clock.monotonic();
    const step = async (): Promise<StepResult> => {
      if (this.host.clock.monotonic() - lastFullMs >= listingIntervalMs) {
        lastFullMs = this.host.clock.monotonic();
        for (const node of this.host.nodes()) this.listingWanted.add(node.id);
      }
      const [id] = this.listingWanted;
      if (id === undefined) return 'idle';
      this.listingWanted.delete(id);
      const node = this.host.nodes().find((candidate) => candidate.id === id && candidate.state === 'online');
      if (node) await this.compareListing(node);
      return 'worked';
    };
    return { name: 'listing', step };
  }

  private atticWorker(): Worker {
    let lastMs = Number.NEGATIVE_INFINITY;
    const step = async (): Promise<StepResult> => {
      const now = this.host.clock.monotonic();
      const { segmentBytes, reserveBytes } = this.host.segments.limits();
      const isShort = (node: MaintenanceNode) =>
        (node.space?.freeBytes ?? Number.POSITIVE_INFINITY) < reserveBytes + 4 * segmentBytes;
      const nodes = this.host.nodes().filter((node) => node.state === 'online' || node.state === 'full');
      const due = now - lastMs >= atticIntervalMs;
      for (const node of nodes) {
        if (due || isShort(node)) await this.gate.emptyAttic(node, isShort(node) ? reserveBytes + 4 * segmentBytes : 0);
      }
      if (due) lastMs = now;
      return 'idle';
    };
    return { name: 'attic', step };
  }
}
