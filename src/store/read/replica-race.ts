/**
 * Asks replicas one after the other until one gives a verified answer: the next one after a failure (failover), and
 * also beside one that is slower than usual (hedge). What the others still bring is looked at only for bad copies.
 */
import type { Clock } from '../../core/clock.js';
import { asDriveError, DriveError } from '../../core/errors.js';
import type { SegmentId } from '../../core/ids.js';
import type { StoreNode } from '../store-node.js';
import type { BadCopy } from '../store-types.js';
import { type FailedCopy, noGoodCopy, problemOf } from './bad-copy.js';
import type { Candidates } from './read-candidates.js';

export interface RaceOptions {
  readonly segment: SegmentId;
  readonly candidates: Candidates;
  /** Resolves with verified bytes only. */
  readonly read: (node: StoreNode) => Promise<Buffer>;
  readonly clock: Clock;
  readonly readDeadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onFailover: () => void;
  readonly onHedge: () => void;
  readonly onBadCopy: (copy: BadCopy) => void;
}

/** A healthy disk that spins or sorts its queue answers within this; a hedge before would only add load. */
const leastHedgeMs = 50;
/** So many hedges fit into the read deadline. */
const hedgeShare = 1 / 20;
const usualLatencyFactor = 4;
/** Of the read deadline: however slow the nodes usually are, the next one gets its chance before that passes. */
const mostHedgeShare = 1 / 2;

export function hedgeDelayMs(node: Pick<StoreNode, 'latencyMs'>, readDeadlineMs: number): number {
  const delayMs = Math.max(leastHedgeMs, readDeadlineMs * hedgeShare, usualLatencyFactor * node.latencyMs);
  return Math.min(delayMs, readDeadlineMs * mostHedgeShare);
}

/** The first verified answer. DAMAGED, UNAVAILABLE (`details.copies`), ABORTED. */
export function raceReplicas(options: RaceOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => new Race(options, resolve, reject).start());
}

class Race {
  readonly #options: RaceOptions;
  readonly #resolve: (bytes: Buffer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #failed: FailedCopy[];
  #next = 0;
  #running = 0;
  #isDecided = false;
  #cancelHedge = (): void => undefined;

  constructor(options: RaceOptions, resolve: (bytes: Buffer) => void, reject: (error: unknown) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#failed = [...options.candidates.absent];
  }

  start(): void {
    const { signal } = this.#options;
    if (signal?.aborted) this.#abort();
    if (this.#isDecided) return;
    signal?.addEventListener('abort', this.#abort, { once: true });
    this.#askNext();
  }

  #askNext(): void {
    const { candidates, readDeadlineMs, clock, onHedge } = this.#options;
    const node = candidates.nodes[this.#next];
    if (!node) {
      if (this.#running === 0) this.#decide(() => this.#reject(noGoodCopy(this.#options.segment, this.#failed)));
      return;
    }
    this.#next += 1;
    this.#running += 1;
    this.#cancelHedge();
    if (this.#next < candidates.nodes.length) {
      this.#cancelHedge = clock.schedule(hedgeDelayMs(node, readDeadlineMs), () => {
        onHedge();
        this.#askNext();
      });
    }
    void this.#ask(node);
  }

  async #ask(node: StoreNode): Promise<void> {
    const { read, segment, onBadCopy, onFailover, candidates } = this.#options;
    try {
      const bytes = await read(node);
      this.#decide(() => this.#resolve(bytes));
    } catch (error) {
      const problem = problemOf(error);
      this.#failed.push({ node: node.id, problem: problem ?? 'unreachable', message: asDriveError(error).message });
      if (problem) onBadCopy({ segment, node: node.id, problem });
      this.#running -= 1;
      if (this.#isDecided) return;
      if (this.#next < candidates.nodes.length) onFailover();
      this.#askNext();
    }
  }

  readonly #abort = (): void => this.#decide(() => this.#reject(new DriveError('ABORTED')));

  #decide(answer: () => void): void {
    if (this.#isDecided) return;
    this.#isDecided = true;
    this.#cancelHedge();
    this.#options.signal?.removeEventListener('abort', this.#abort);
    answer();
  }
}
