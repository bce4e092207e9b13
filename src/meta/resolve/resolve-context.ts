/** What resolving a request needs: the state inside the transaction, ids to give, limits. */
import { DriveError } from '../../core/errors.js';
import type { ContentId, EntryId, Operation } from '../operations.js';
import type { ChangeRequest, ChangeResult } from '../requests.js';
import type { Tables } from '../tables/tables.js';
import type { Limits } from './limits.js';

export interface ResolveContext {
  readonly tables: Tables;
  readonly limits: Limits;
  nextEntry(): EntryId;
  nextContent(): ContentId;
}

export interface Resolution {
  readonly operations: readonly Operation[];
  /** Read after the operations were applied. */
  readonly result: () => ChangeResult;
}

export type RequestOf<K extends ChangeRequest['kind']> = Extract<ChangeRequest, { kind: K }>;

/** Whole milliseconds; BAD_REQUEST for what is no time. */
export function wholeTime(time: number): number {
  const whole = Math.trunc(time);
  if (!Number.isSafeInteger(whole)) throw new DriveError('BAD_REQUEST', { message: `${time} is not a time` });
  return whole === 0 ? 0 : whole; // -0 would not survive JSON.
}
