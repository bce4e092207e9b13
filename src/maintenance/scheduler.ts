/** Runs background workers, each in a loop of its own: at once again after work, later when idle, later still after errors. */
import type { Clock } from '../core/clock.js';
import type { Worker } from './worker.js';

export interface SchedulerOptions {
  readonly clock: Clock;
  readonly idleMs: number;
  /** Longest pause after repeated errors. */
  readonly backOffLimitMs: number;
  readonly onError: (worker: string, error: unknown) => void;
}

export class Scheduler {
  private readonly options: SchedulerOptions;
  private readonly stop = new AbortController();
  private readonly loops: Promise<void>[] = [];
  private readonly wakers = new Map<string, AbortController>();

  constructor(options: SchedulerOptions) {
    this.options = options;
  }

  start(worker: Worker): void {
    this.loops.push(this.loop(worker));
  }

  /** Ends the pause of a worker: something happened that it waits for. */
  wake(name: string): void {
    this.wakers.get(name)?.abort();
  }

  /** Waits for the steps that are running. Idempotent. */
  async close(): Promise<void> {
    this.stop.abort();
    for (const waker of this.wakers.values()) waker.abort();
    await Promise.all(this.loops);
  }

  private async loop(worker: Worker): Promise<void> {
    const { clock, idleMs, backOffLimitMs, onError } = this.options;
    let errors = 0;
    while (!this.stop.signal.aborted) {
      const waker = new AbortController();
      this.wakers.set(worker.name, waker);
      let pauseMs = 0;
      try {
        pauseMs = (await worker.step(this.stop.signal)) === 'idle' ? idleMs : 0;
        errors = 0;
      } catch (error) {
        // Even CLOSED is no reason to stop for ever: it may be of a node that was removed.
        if (this.stop.signal.aborted) break;
        onError(worker.name, error);
        pauseMs = Math.min(backOffLimitMs, idleMs * 2 ** errors);
        errors += 1;
      }
      // Even between two units of work the event loop gets its turn.
      if (pauseMs > 0) await clock.sleep(pauseMs, { signal: waker.signal });
      else await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}
