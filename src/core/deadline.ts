/**
 * A call to a disk cannot be cancelled, only abandoned. `withDeadline` stops waiting; the call goes on, and what comes
 * of it later is handed to `late`, so that it is never lost in silence (a write that landed after all, a file that was
 * opened and must be closed, an error that says more than "too slow").
 */
import type { Clock } from './clock.js';

export type LateOutcome<T> =
  | { readonly kind: 'value'; readonly value: T; readonly lateByMs: number }
  | { readonly kind: 'error'; readonly error: unknown; readonly lateByMs: number };

export interface DeadlineOptions<T> {
  /** Told when the work ends, in time or late. Must not throw. */
  readonly ended?: () => void;
  /** Makes the error that the caller gets when the deadline passes first. */
  readonly missed: () => Error;
  /** Called at most once, when the abandoned work ends. Must not throw. */
  readonly late: (outcome: LateOutcome<T>) => void;
}

/** What `work` gives if it settles within `limitMs`, else a rejection with `missed()`. */
export function withDeadline<T>(
  work: Promise<T>,
  limitMs: number,
  clock: Clock,
  { ended, missed, late }: DeadlineOptions<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const deadline = clock.monotonic() + limitMs;
    let abandoned = false;
    const cancel = clock.schedule(limitMs, () => {
      abandoned = true;
      reject(missed());
    });
    work.then(
      (value) => {
        ended?.();
        if (abandoned) return late({ kind: 'value', value, lateByMs: clock.monotonic() - deadline });
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        ended?.();
        if (abandoned) return late({ kind: 'error', error, lateByMs: clock.monotonic() - deadline });
        cancel();
        reject(error);
      },
    );
  });
}
