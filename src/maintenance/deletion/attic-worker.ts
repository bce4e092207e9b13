/** Empties the attics: what waited long enough, or all that is needed when room is short. */
import { hasCode } from '../../core/errors.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import type { StepResult, Worker } from '../worker.js';
import type { Attic } from './attic.js';

/** How often the attics are looked at, or as often as files may leave them when that is sooner. */
const intervalMs = 30_000;

export class AtticWorker implements Worker {
  readonly name = 'attic';
  private readonly host: MaintenanceHost;
  private readonly attic: Attic;
  private lastMs = Number.NEGATIVE_INFINITY;

  constructor(host: MaintenanceHost, attic: Attic) {
    this.host = host;
    this.attic = attic;
  }

  async step(): Promise<StepResult> {
    const now = this.host.clock.monotonic();
    const { segmentBytes, reserveBytes } = this.host.segments.limits();
    const wantedBytes = reserveBytes + 4 * segmentBytes;
    const isDue = now - this.lastMs >= Math.min(intervalMs, this.host.safety.atticMs);
    if (isDue) this.lastMs = now;
    for (const node of this.nodes()) {
      const missingBytes = Math.max(0, wantedBytes - (node.space?.freeBytes ?? wantedBytes));
      const isShort = missingBytes > 0 && this.attic.bytes(node.id) > 0;
      if (isDue || isShort) await this.attic.empty(node, missingBytes);
    }
    return 'idle';
  }

  /** Nodes that fail are left out: the others' room counts all the same. */
  async emptyAll(): Promise<number> {
    let freedBytes = 0;
    for (const node of this.nodes()) {
      try {
        freedBytes += await this.attic.empty(node, Number.POSITIVE_INFINITY);
      } catch (error) {
        if (!hasCode(error, 'NODE_GONE', 'NODE_IO', 'NODE_FULL', 'NODE_READ_ONLY', 'FILE_MISSING')) throw error;
      }
    }
    return freedBytes;
  }

  private nodes(): MaintenanceNode[] {
    return this.host.nodes().filter((node) => node.state === 'online' || node.state === 'full');
  }
}
