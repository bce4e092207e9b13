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

/** The engine hands over with setImmediate; who waits for everything to come to rest must know of those. */
const hostImmediate = setImmediate;
let handovers = 0;

/** For the rest of this process. */
export function countHandovers(): void {
  if (globalThis.setImmediate !== hostImmediate) return;
  const counted = (callback: (...parameters: unknown[]) => void, ...parameters: unknown[]) => {
    handovers++;
    return hostImmediate(() => {
      handovers--;
      callback(...parameters);
    });
  };
  globalThis.setImmediate = counted as typeof setImmediate;
}

export class SimScheduler {
  readonly random: SeededRandom;
  readonly #pending: (() => void)[] = [];
  readonly #timers = new Set<Timer>();
  readonly #isEager: boolean;
  #order = 0;
  #ended = false;
  readonly #acts: { readonly step: number; readonly act: () => void }[] = [];
  nowMs: number;
  steps = 0;
  /** Called between steps, when everything is at rest; nothing of this machine moves before it resolves. */
  onStep: (() => Promise<void>) | undefined;
  /** The process ends by itself at this step. */
  endAt = Number.POSITIVE_INFINITY;

  /** `isEager`: calls complete at once and in order, so that what is only looked at costs little. */
  constructor(random: SeededRandom, nowMs: number, { isEager = false }: { readonly isEager?: boolean } = {}) {
    this.random = random;
    this.nowMs = nowMs;
    this.#isEager = isEager;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** `work` runs, and the promise settles with it, when the seed chooses so. */
  complete<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#ended) return;
      if (this.#isEager) return resolve(work()); // What is thrown rejects.
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
    if (!this.#ended) this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Runs until `done()`; false when the process ended, nothing is left to run, or `limit` steps are over. */
  async runUntil(done: () => boolean, limit = 200_000): Promise<boolean> {
    for (let left = limit; left > 0; left--) {
      await settle();
      if (done()) return true;
      await this.onStep?.();
      if (this.#ended || !this.#step()) return false;
    }
    return false;
  }

  /** The process dies: nothing pending ever completes. */
  end(): void {
    this.#ended = true;
    this.#pending.length = 0;
    this.#timers.clear();
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
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    if (!next) return false;
    this.#timers.delete(next);
    this.nowMs = Math.max(this.nowMs, next.at);
    next.callback();
    return true;
  }
}

/** Everything runs that was made runnable: promises before the next tick, handovers in a turn of the event loop. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve));
  while (handovers > 0) await new Promise<void>((resolve) => hostImmediate(resolve));
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
