/** Reads from the fault shim's log which call was struck. */
import { existsSync, readFileSync } from 'node:fs';

export interface Strike {
  /** As the shim calls it: `write`, `fsync`, ... */
  readonly call: string;
  readonly path: string;
}

/** The first call that was struck; undefined when none was. */
export function readStrike(log: string): Strike | undefined {
  if (!existsSync(log)) return undefined;
  const line = readFileSync(log, 'utf8')
    .split('\n')
    .find((one) => one.endsWith(' !'));
  const [, call, path] = /^\d+ (\w+) (.*) !$/.exec(line ?? '') ?? [];
  return call === undefined ? undefined : { call, path: path! };
}
