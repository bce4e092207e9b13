/** What MOVE and COPY share: which pairs of source and target make no sense, and making room at the target. */
import { DriveError } from '../../core/errors.js';
import type { LocatedPath } from '../judge/located-path.js';
import type { LockJudge } from '../judge/lock-judge.js';
import type { Operation } from '../operations.js';
import type { EntryRow } from '../rows.js';

/** FORBIDDEN for the root and for a target inside the source's tree (unless only the folder itself is copied). */
export function refuseNonsense(input: {
  readonly source: LocatedPath;
  readonly target: LocatedPath;
  readonly wholeTree: boolean;
}): void {
  const { source, target, wholeTree } = input;
  const inside = target.chain.slice(0, target.path.length).some((row) => row.id === source.entry?.id);
  const above = source.chain.slice(0, source.path.length).some((row) => row.id === target.entry?.id);
  if (target.path.length === 0) throw forbidden('the root cannot be replaced');
  if (above) throw forbidden('a folder above the source cannot be replaced');
  if (inside && wholeTree) throw forbidden('a folder cannot go into itself');
}

/** PRECONDITION_FAILED when something is at the target and may not be replaced. */
export function refuseOverwrite(target: LocatedPath, overwrite: boolean): void {
  if (target.entry !== undefined && !overwrite) {
    throw new DriveError('PRECONDITION_FAILED', { details: { condition: 'Overwrite' } });
  }
}

/** LOCKED unless the tokens for replacing or creating the target were submitted. */
export function allowTarget(target: LocatedPath, locks: LockJudge): void {
  if (target.entry === undefined) locks.allowCreate(target);
  else locks.allowRemove(target);
}

/** Ends what is at the target; its DAV locks end with it. */
export function endTarget(target: EntryRow | undefined, locks: LockJudge, time: number): Operation[] {
  if (target === undefined) return [];
  locks.end(locks.within(target.id));
  return [{ o: 'end', id: target.id, time }];
}

export const forbidden = (message: string): DriveError => new DriveError('FORBIDDEN', { message });
