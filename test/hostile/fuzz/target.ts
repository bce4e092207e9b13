/** What a fuzzer is pointed at. */
import { DriveError, type ErrorCode } from '../../../src/core/errors.js';
import { processorMs } from '../../support/processor-ms.js';

export interface Target {
  readonly name: string;
  /** Good inputs; what is tried is made from them. */
  readonly seeds: readonly Buffer[];
  /** Whatever it throws but the errors it may throw is a find. */
  readonly attempt: (bytes: Buffer) => void | Promise<void>;
  readonly mayThrow: readonly ErrorCode[];
}

/** One input may cost no more of the processors: what grows faster than its input is found so. */
export const patienceMs = 3_000;
/** Nor be waited for longer, on a machine that does much else. */
const waitMs = 60_000;

/** Why the input is a find; undefined when all is well. */
export async function judge({ attempt, mayThrow }: Target, bytes: Buffer): Promise<string | undefined> {
  const began = performance.now();
  const usedBefore = processorMs();
  try {
    await attempt(bytes);
  } catch (error) {
    const isExpected = error instanceof DriveError && mayThrow.includes(error.code);
    if (!isExpected) return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  const [took, used] = [performance.now() - began, processorMs() - usedBefore];
  if (took <= waitMs && used <= patienceMs) return undefined;
  return `took ${Math.round(took)} ms, ${Math.round(used)} ms of them at work`;
}

export function ensure(holds: boolean, promise: string): void {
  if (!holds) throw new Error(promise);
}
