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

/** Timers take no more than 31 bits. */
const longestTimerMs = 2 ** 31 - 1;

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

/** Keeps the process alive, whatever it waits for, until the function returned is called. */
export function holdProcess(): () => void {
  const timer = setInterval(() => undefined, longestTimerMs);
  return () => clearInterval(timer);
}
