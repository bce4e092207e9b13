/**
 * Long sweeps take all they have. With HOLDFAST_UNTIL (milliseconds since 1970, when the whole run should be over; `.ci/run`
 * sets it) they take an even share first, and the rest only while there is time. What they reach of what they aim at is
 * told to scripts/test.mjs, which ends with a table of it.
 */
import type { TestContext } from 'node:test';

const until = Number(process.env.HOLDFAST_UNTIL ?? Number.POSITIVE_INFINITY);

export const isHurried = Number.isFinite(until);

/** `laterMs`: what comes afterwards takes so long. */
export function hasTime(laterMs: number): boolean {
  return Date.now() < until - laterMs;
}

/**
 * False when so much of the time is over that there was at the first question; what comes afterwards takes `laterMs`. So what
 * begins early leaves something to what begins late.
 */
export function shareOfTime(portion: number, laterMs: number): () => boolean {
  let end: number | undefined;
  return () => {
    end ??= isHurried ? Date.now() + Math.max(0, until - laterMs - Date.now()) * portion : until;
    return Date.now() < end;
  };
}

/** `what`: a few words, such as `power cuts`. */
export function tellReached(context: TestContext, what: string, reached: number, aim: number): void {
  context.diagnostic(`reached ${reached} of ${aim}: ${what}`);
}
