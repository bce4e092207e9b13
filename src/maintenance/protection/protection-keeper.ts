/**
 * Brings segments to the number of copies that the files in them need (meta/protection/segment-needs.ts finds it, in a
 * thread). More is journaled at once, then the healer copies. Fewer only where the index says, inside the batch, that the
 * need cannot have risen since it was read; then copies are given up, and their files leave through the gate. After
 * every change there is one more pass: what came meanwhile is found by it.
 */
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { SegmentNeed } from '../../meta/protection/segment-needs.js';
import type { MaintenanceHost } from '../maintenance-host.js';
import type { StepResult, Worker } from '../worker.js';
import { chooseKept } from './kept-copies.js';

/**
 * Between two passes while files keep moving, and `restFactor` times as long as the last one took: each reads all chunk
 * lists below folders with a setting, a second for some 40,000 small files.
 */
const pauseMs = 2_000;
const restFactor = 4;
/** What could not be lowered (it is in use, its need may have risen, a node is away) is looked at again after this. */
const retryMs = 60_000;
/** Without a hint: what a hint does not tell is a need that sank. */
const everyMs = 60 * 60_000;
/** Segments of one batch: some milliseconds of the writer. */
const stepSegments = 200;

export interface ProtectionHints {
  /** Segments want more copies than they have. */
  readonly onRaised: () => void;
  /** Files of these nodes wait for the gate. */
  readonly onGivenUp: (nodes: readonly NodeId[]) => void;
}

export class ProtectionKeeper implements Worker {
  readonly name = 'protect';
  private readonly host: MaintenanceHost;
  private readonly hints: ProtectionHints;
  private dueMs = Number.NEGATIVE_INFINITY;
  private passedMs = Number.NEGATIVE_INFINITY;
  private restMs = pauseMs;
  private asOf = 0;
  private queue: SegmentNeed[] = [];

  constructor(host: MaintenanceHost, hints: ProtectionHints) {
    this.host = host;
    this.hints = hints;
  }

  /** Settings changed, or files came under another one. */
  lookAgain(): void {
    this.wantBy(this.passedMs + this.restMs);
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    try {
      return await this.go(signal);
    } catch (error) {
      this.lookAgain();
      throw error;
    }
  }

  private async go(signal: AbortSignal): Promise<StepResult> {
    const now = this.host.clock.monotonic();
    if (this.queue.length === 0 && now >= this.dueMs) await this.look(signal);
    const step = this.queue.splice(0, stepSegments);
    if (step.length === 0) return 'idle';
    const more = step.filter(({ kind }) => kind === 'more');
    const done = (await this.raise(more)) + (await this.lower(step.filter(({ kind }) => kind !== 'more')));
    if (done > 0) this.lookAgain();
    if (done < step.length) this.wantBy(this.passedMs + retryMs);
    return 'worked';
  }

  private wantBy(dueMs: number): void {
    this.dueMs = Math.min(this.dueMs, dueMs);
  }

  private async look(signal: AbortSignal): Promise<void> {
    const beganMs = this.host.clock.monotonic();
    this.dueMs = Number.POSITIVE_INFINITY; // A hint that comes while it is read may come too late for it.
    if (this.host.reader.hasProtection()) {
      const { asOf, segments } = await this.host.segmentNeeds(signal);
      this.asOf = asOf;
      this.queue = [...segments];
    }
    this.passedMs = this.host.clock.monotonic();
    this.restMs = Math.max(pauseMs, restFactor * (this.passedMs - beganMs));
    this.wantBy(this.passedMs + everyMs);
  }

  private async raise(needs: readonly SegmentNeed[]): Promise<number> {
    if (needs.length === 0) return 0;
    const done = await this.submit(needs.map(({ segment, replicas }) => ({ segment, replicas })));
    // Only sealed ones are copied, and what is saved from now on goes to one that has as many copies from the start.
    for (const { segment } of needs) this.host.segments.seal(segment);
    this.hints.onRaised();
    return done;
  }

  private async lower(needs: readonly SegmentNeed[]): Promise<number> {
    let done = 0;
    const releases: (() => void)[] = [];
    const lowered: { segment: SegmentId; replicas: number | null; nodes: NodeId[] | undefined }[] = [];
    const givenUp = new Set<NodeId>();
    try {
      for (const { segment, replicas, kind } of needs) {
        // An upload that goes on refers to it: where it will be put is not known.
        const release = this.host.isWritten(segment) ? undefined : this.host.occupy(segment);
        if (!release) continue;
        releases.push(release);
        const row = this.host.reader.segment(segment);
        const nodes = row && chooseKept(row, replicas ?? this.host.replicas, this.host.nodes());
        if (!row || (kind === 'spare' && !nodes)) continue;
        lowered.push({ segment, replicas, nodes });
        for (const { node } of row.replicas) if (nodes && !nodes.includes(node)) givenUp.add(node);
      }
      if (lowered.length > 0) done = await this.submit(lowered);
    } finally {
      for (const release of releases) release();
    }
    if (givenUp.size > 0) this.hints.onGivenUp([...givenUp]);
    return done;
  }

  /** For how many it was so. */
  private async submit(
    segments: readonly { segment: SegmentId; replicas: number | null; nodes?: readonly NodeId[] | undefined }[],
  ): Promise<number> {
    const { asOf, host } = this;
    const request = { kind: 'want', principal: '', now: host.clock.now(), asOf, segments } as const;
    return (await host.submit(request)).wanted?.length ?? 0;
  }
}
