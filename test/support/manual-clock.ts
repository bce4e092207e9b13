import type { Clock } from '../../src/core/clock.js';

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #startedAt: number;
  #elapsed = 0;
  /** Sorted by due time; equal ones in the order they were scheduled. */
  #timers: Timer[] = [];

  constructor(startedAt: number = Date.UTC(2026, 0, 1)) {
    this.#startedAt = startedAt;
  }

  now(): number {
    return this.#startedAt + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  sleep(durationMs: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.schedule(durationMs, done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { due: this.#elapsed + Math.max(0, delayMs), callback };
    const later = this.#timers.findIndex((other) => other.due > timer.due);
    this.#timers.splice(later === -1 ? this.#timers.length : later, 0, timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that have not run. */
  get pending(): number {
    return this.#timers.length;
  }

  /**
   * Moves time on, running what falls due in order, each at its own moment. Between timers everything that waits only
   * for promises gets to run, so timers set by it count too; work on real files is not waited for.
   */
  async advance(durationMs: number): Promise<void> {
    const target = this.#elapsed + durationMs;
    await settle();
    for (let next = this.#timers[0]; next !== undefined && next.due <= target; next = this.#timers[0]) {
      this.#timers.shift();
      this.#elapsed = next.due;
      next.callback();
      await settle();
    }
    this.#elapsed = target;
  }
}

/** All promise reactions that are ready, and those that they make ready, have run when this resolves. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
