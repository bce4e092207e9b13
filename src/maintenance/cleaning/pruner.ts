/** Walks what was ended and drops what nothing refers to, in small steps; open reads keep theirs. Retention is 0 for now. */
import type { MaintenanceHost } from '../maintenance-host.js';
import type { StepResult, Worker } from '../worker.js';

/** Rows of one step: a few milliseconds of the writer. */
const stepRows = 500;

export class Pruner implements Worker {
  readonly name = 'prune';
  private readonly host: MaintenanceHost;

  constructor(host: MaintenanceHost) {
    this.host = host;
  }

  async step(): Promise<StepResult> {
    const { reader, clock } = this.host;
    if (!reader.hasEnded()) return 'idle';
    const before = reader.tip()!.sequence;
    const pinned = this.host.pinnedContents();
    const { pruned = 0 } = await this.host.submit({
      kind: 'prune',
      principal: '',
      now: clock.now(),
      limit: stepRows,
      before,
      pinned,
    });
    return pruned > 0 ? 'worked' : 'idle';
  }
}
