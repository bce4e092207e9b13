/**
 * Compares the listings of nodes when something hints at a change, and now and then without. Hints come in any number
 * (each segment file that is made or moved is one); a node is listed at most a small share of the time.
 */
import type { NodeId } from '../../core/ids.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import type { StepResult, Worker } from '../worker.js';

const intervalMs = 60_000;

interface Listed {
  readonly endedMs: number;
  readonly tookMs: number;
}

export class ListingWorker implements Worker {
  readonly name = 'listing';
  private readonly host: MaintenanceHost;
  private readonly compare: (node: MaintenanceNode, signal: AbortSignal) => Promise<void>;
  private readonly wanted = new Set<NodeId>();
  private readonly listed = new Map<NodeId, Listed>();
  private isComparing = false;

  constructor(host: MaintenanceHost, compare: (node: MaintenanceNode, signal: AbortSignal) => Promise<void>) {
    this.host = host;
    this.compare = compare;
  }

  want(node: NodeId): void {
    this.wanted.add(node);
  }

  /** A hint waits, or a comparison runs: files that are not needed any more may be about to go. */
  get isAwaited(): boolean {
    return this.isComparing || this.host.nodes().some(({ id, state }) => this.wanted.has(id) && isListable(state));
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const startedMs = this.host.clock.monotonic();
    const node = this.host.nodes().find((candidate) => this.isDue(candidate, startedMs));
    if (!node) return 'idle';
    this.wanted.delete(node.id);
    this.isComparing = true;
    try {
      await this.compare(node, signal);
    } finally {
      this.isComparing = false;
      const endedMs = this.host.clock.monotonic();
      this.listed.set(node.id, { endedMs, tookMs: endedMs - startedMs });
    }
    return 'worked';
  }

  private isDue({ id, state }: MaintenanceNode, nowMs: number): boolean {
    if (!isListable(state)) return false;
    const last = this.listed.get(id);
    if (!last) return true;
    const restedMs = nowMs - last.endedMs;
    return restedMs >= intervalMs || (this.wanted.has(id) && restedMs >= this.host.safety.listingRest * last.tookMs);
  }
}

/** Of a node in doubt nothing is concluded, and one that returns is compared before it is welcomed. */
function isListable(state: MaintenanceNode['state']): boolean {
  return state === 'online' || state === 'full' || state === 'read-only';
}
