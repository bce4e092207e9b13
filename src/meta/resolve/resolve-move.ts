/** Renaming: one row changes, whatever lies below it. */

import { judgeConditions } from '../judge/conditions.js';
import { locateForChange, requireEntry, requireParent } from '../judge/located-path.js';
import { LockJudge } from '../judge/lock-judge.js';
import type { Operation } from '../operations.js';
import { type RequestOf, type Resolution, type ResolveContext, wholeTime } from './resolve-context.js';
import { allowTarget, endTarget, forbidden, refuseNonsense, refuseOverwrite } from './resolve-target.js';

export function resolveMove(request: RequestOf<'move'>, context: ResolveContext): Resolution {
  const { tables } = context;
  const source = locateForChange(tables, request.path);
  const target = locateForChange(tables, request.target);
  const entry = requireEntry(source);
  if (request.path.length === 0) throw forbidden('the root cannot be moved');
  // The same entry under another spelling (NFC, NFD) is renamed in place, never replaced by itself.
  const inPlace = target.entry?.id === entry.id;
  if (inPlace && target.name === entry.name) throw forbidden('an entry cannot be moved onto itself');
  if (!inPlace) refuseNonsense({ source, target, wholeTree: true });
  const parent = requireParent(target);
  const locks = new LockJudge(tables, request);
  judgeConditions({ tables, located: source, conditions: request.conditions, locks });
  if (!inPlace) refuseOverwrite(target, request.overwrite);
  locks.allowRemove(source);
  if (!inPlace) allowTarget(target, locks);

  const needsChanged = tables.protection.nearest(entry.parent) !== tables.protection.nearest(parent.id);
  const time = wholeTime(request.now);
  const replaced = inPlace ? undefined : target.entry;
  const ending = endTarget(replaced, locks, time);
  if (!request.locksFollow) locks.end(locks.within(entry.id));
  const operations: Operation[] = [
    ...locks.endings,
    ...ending,
    { o: 'move', id: entry.id, parent: parent.id, name: target.name, time },
  ];
  if (request.modified !== undefined) {
    operations.push({ o: 'times', id: entry.id, created: null, modified: wholeTime(request.modified) });
  }
  return {
    operations,
    result: () => ({
      created: replaced === undefined,
      entry: tables.entries.byId(entry.id)!,
      ...(needsChanged && { needsChanged }),
      ...(replaced && { ended: [replaced.id] }),
    }),
  };
}
