/** Reads the fault shim's log: the calls that were counted, and which one was struck. */
import { existsSync, readFileSync } from 'node:fs';

export interface Strike {
  /** As the shim calls it: `write`, `fsync`, ... */
  readonly call: string;
  readonly path: string;
}

/** The first call that was struck; undefined when none was. */
export function readStrike(log: string): Strike | undefined {
  const line = linesOf(log).find((one) => one.endsWith(' !'));
  return line === undefined ? undefined : callOf(line);
}

/** What the program writes into the log when something was acknowledged. */
export const acknowledgedLine = 'acknowledged\n';

/** All calls in their order; undefined stands where something was acknowledged. */
export function readCalls(log: string): (Strike | undefined)[] {
  return linesOf(log)
    .filter((line) => line !== '')
    .map(callOf);
}

function callOf(line: string): Strike | undefined {
  const [, call, path] = /^\d+ (\w+) (.*?)(?: !)?$/.exec(line) ?? [];
  return call === undefined ? undefined : { call, path: path! };
}

function linesOf(log: string): string[] {
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
}
