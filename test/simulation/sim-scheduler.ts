/**
 * Time and completions of a simulated machine. Every pending I/O completion and every timer is owned here; the seed
 * chooses which completion is next, and time moves only when no completion is pending. A process that was ended gets
 * nothing any more: its promises stay pending for ever.
 */
import type { Clock } from '../../src/core/clock.js';
import type { SeededRandom } from './seeded-random.js';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Rounds of the event loop that let everything run that was made runnable; the engine hands over with setImmediate. */
const settleRounds = 3;

export class SimScheduler {
  readonly random: SeededRandom;
  readonly #pending: (() => void)[] = [];
  #timers: Timer[] = [];
  #order = 0;
  #ended = false;
  readonly #acts: { readonly step: number; readonly act: () => void }[] = [];
  nowMs: number;
  steps = 0;
  /** The process ends by itself at this step. */
  endAt = Number.POSITIVE_INFINITY;

  constructor(random: SeededRandom, nowMs: number) {
    this.random = random;
    this.nowMs = nowMs;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** `work` runs, and the promise settles with it, when the seed chooses so. */
  complete<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#ended) return;
      this.#pending.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { at: this.nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    if (!this.#ended) this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Runs until `done()`; false when the process ended, nothing is left to run, or `limit` steps are over. */
  async runUntil(done: () => boolean, limit = 200_000): Promise<boolean> {
    for (let left = limit; left > 0; left--) {
      await settle();
      if (done()) return true;
      if (this.#ended || !this.#step()) return false;
    }
    return false;
  }

  /** The process dies: nothing pending ever completes. */
  end(): void {
    this.#ended = true;
    this.#pending.length = 0;
    this.#timers = [];
  }

  /** Something happens to the machine at a step. */
  atStep(step: number, act: () => void): void {
    this.#acts.push({ step, act });
  }

  #step(): boolean {
    this.steps++;
    if (this.steps >= this.endAt) {
      this.end();
      return false;
    }
    for (const due of this.#acts.filter(({ step }) => step <= this.steps)) {
      this.#acts.splice(this.#acts.indexOf(due), 1);
      due.act();
    }
    if (this.#pending.length > 0) {
      const chosen = this.random.below(this.#pending.length);
      const [completion] = this.#pending.splice(chosen, 1);
      completion!();
      return true;
    }
    const next = this.#timers.reduce<Timer | undefined>(
      (first, timer) =>
        !first || timer.at < first.at || (timer.at === first.at && timer.order < first.order) ? timer : first,
      undefined,
    );
    if (!next) return false;
    this.#timers = this.#timers.filter((timer) => timer !== next);
    this.nowMs = Math.max(this.nowMs, next.at);
    next.callback();
    return true;
  }
}

async function settle(): Promise<void> {
  for (let round = 0; round < settleRounds; round++) await new Promise<void>((resolve) => setImmediate(resolve));
}

export class SimClock implements Clock {
  readonly #scheduler: SimScheduler;
  /** People and time servers move the wall clock; nothing but what people see may depend on it. */
  wallOffsetMs = 1_700_000_000_000;

  constructor(scheduler: SimScheduler) {
    this.#scheduler = scheduler;
  }

  now(): number {
    return Math.round(this.wallOffsetMs + this.#scheduler.nowMs);
  }

  monotonic(): number {
    return this.#scheduler.nowMs;
  }

  sleep(durationMs: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = () => {
        cancel();
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.#scheduler.schedule(durationMs, end);
      signal?.addEventListener('abort', end);
    });
  }

  schedule(delayMs: number, callback: () => void): () => void {
    return this.#scheduler.schedule(delayMs, callback);
  }
}
