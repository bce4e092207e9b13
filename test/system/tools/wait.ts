/**
 * Waiting for a state of the system that only polling can see, always with a deadline. No deadline judges how fast anything
 * is: it ends what will never be, and leaves a busy machine many times as long as a quiet one takes.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** A moment chosen by the test (when to pull a disk); never used to wait for a result. */
export const pause = (durationMs: number): Promise<void> => sleep(durationMs);

/**
 * Polls until `probe` gives something other than undefined or false and returns it. After `timeoutMs` it throws with
 * `what` and the last thing that `describe` said.
 */
export async function waitUntil<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  options: { readonly timeoutMs?: number; readonly intervalMs?: number; readonly describe?: () => string } = {},
): Promise<T> {
  const { timeoutMs = 180_000, intervalMs = 200, describe } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain: ${what}${describe ? ` (${describe()})` : ''}`);
    }
    await sleep(intervalMs);
  }
}
