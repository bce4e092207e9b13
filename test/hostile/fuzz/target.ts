/** What a fuzzer is pointed at. */
import { DriveError, type ErrorCode } from '../../../src/core/errors.js';

export interface Target {
  readonly name: string;
  /** Good inputs; what is tried is made from them. */
  readonly seeds: readonly Buffer[];
  /** Whatever it throws but the errors it may throw is a find. */
  readonly attempt: (bytes: Buffer) => void | Promise<void>;
  readonly mayThrow: readonly ErrorCode[];
}

/** One input may take no longer: what grows faster than its input is found so. */
export const patienceMs = 3_000;

/** Why the input is a find; undefined when all is well. */
export async function judge({ attempt, mayThrow }: Target, bytes: Buffer): Promise<string | undefined> {
  const began = performance.now();
  try {
    await attempt(bytes);
  } catch (error) {
    const isExpected = error instanceof DriveError && mayThrow.includes(error.code);
    if (!isExpected) return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  const took = performance.now() - began;
  return took > patienceMs ? `took ${Math.round(took)} ms` : undefined;
}

export function ensure(holds: boolean, promise: string): void {
  if (!holds) throw new Error(promise);
}
