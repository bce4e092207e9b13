/** Time is passed in, so that tests and simulations own it. Only this file touches Date and timers. */

export interface Clock {
  /** Wall clock, milliseconds since 1970. For what people see; never for ordering. */
  now(): number;
  /** Monotonic milliseconds, for durations and deadlines. */
  monotonic(): number;
  /** Resolves after `durationMs`; resolves early (never rejects) when `signal` fires. Does not keep the process alive. */
  sleep(durationMs: number, options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /** Calls back once after `delayMs`; the function returned cancels it. Does not keep the process alive. */
  schedule(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (durationMs, { signal } = {}) =>
    new Promise<void>((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, durationMs);
      timer.unref();
      signal?.addEventListener('abort', done, { once: true });
    }),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
