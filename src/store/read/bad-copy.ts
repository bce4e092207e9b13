/** Which failures of a read speak about the copy, and which only about the way to it. */
import { DriveError, type ErrorDetails, hasCode } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { BadCopy } from '../store-types.js';

/** A replica's file ends before what it must hold. */
export function shortCopy(details: ErrorDetails): DriveError {
  return new DriveError('CORRUPT', { message: 'the replica ends early', details: { ...details, short: true } });
}

/** undefined when nothing is known about the copy: its node is not reachable, or the format is newer. */
export function problemOf(error: unknown): BadCopy['problem'] | undefined {
  if (hasCode(error, 'FILE_MISSING')) return 'missing';
  if (hasCode(error, 'CORRUPT')) return error.details.short === true ? 'short' : 'damaged';
  if (hasCode(error, 'NODE_IO')) return 'io';
  return undefined;
}

/** Why one candidate gave nothing. */
export interface FailedCopy {
  readonly node: NodeId;
  readonly problem: BadCopy['problem'] | 'unreachable' | 'retired';
  readonly message: string;
}

/**
 * DAMAGED when no copy is left that could still be good; UNAVAILABLE while one is only out of reach. `details.copies`
 * says for each node what was wrong.
 */
export function noGoodCopy(segment: SegmentId, copies: readonly FailedCopy[]): DriveError {
  const waitable = copies.some(({ problem }) => problem === 'unreachable');
  return new DriveError(waitable ? 'UNAVAILABLE' : 'DAMAGED', { details: { segment, copies } });
}
