/** Looks at all running requests now and then: one timer for all of them instead of one for each, and none when none runs. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.js';

interface Watched {
  readonly response: ServerResponse;
}

export interface SweepOptions<T> {
  readonly clock: Clock;
  readonly periodMs: number;
  /** `now`: monotonic milliseconds. False: it is watched no longer. */
  readonly look: (watched: T, now: number) => boolean;
}

export class RequestSweep<T extends Watched> {
  readonly #options: SweepOptions<T>;
  readonly #watched = new Set<T>();
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(options: SweepOptions<T>) {
    this.#options = options;
  }

  get watched(): Iterable<T> {
    return this.#watched;
  }

  /** Until its response is closed. */
  watch(watched: T): void {
    this.#watched.add(watched);
    watched.response.once('close', () => this.#watched.delete(watched));
    if (!this.#cancel && !this.#stopped) this.#schedule();
  }

  /** For good: what is watched from now on gets no timer. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    const { clock, periodMs, look } = this.#options;
    this.#cancel = clock.schedule(periodMs, () => {
      this.#cancel = undefined;
      const now = clock.monotonic();
      for (const watched of this.#watched) if (!look(watched, now)) this.#watched.delete(watched);
      if (this.#watched.size > 0) this.#schedule();
    });
  }
}
