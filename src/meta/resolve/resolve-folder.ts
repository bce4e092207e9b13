/** Creating a folder; ending an entry with all below it. */
import { DriveError } from '../../core/errors.js';
import { judgeConditions } from '../judge/conditions.js';
import { locateForChange, requireEntry, requireParent } from '../judge/located-path.js';
import { LockJudge } from '../judge/lock-judge.js';
import type { Operation } from '../operations.js';
import { type RequestOf, type Resolution, type ResolveContext, wholeTime } from './resolve-context.js';

export function resolveMakeFolder(request: RequestOf<'make-folder'>, context: ResolveContext): Resolution {
  const { tables } = context;
  const located = locateForChange(tables, request.path);
  if (located.entry !== undefined) throw new DriveError('EXISTS', { details: { path: request.path } });
  const parent = requireParent(located);
  const locks = new LockJudge(tables, request);
  judgeConditions({ tables, located, conditions: request.conditions, locks });
  locks.allowCreate(located);

  const time = wholeTime(request.now);
  const id = context.nextEntry();
  const folder: Operation = {
    o: 'entry',
    id,
    parent: parent.id,
    name: located.name,
    kind: 'folder',
    content: null,
    created: time,
    modified: wholeTime(request.modified ?? time),
    time,
  };
  return {
    operations: [...locks.endings, folder],
    result: () => ({ created: true, entry: tables.entries.byId(id)! }),
  };
}

/** Only the root of the tree is ended here; prune steps walk the rest. */
export function resolveDelete(request: RequestOf<'delete'>, context: ResolveContext): Resolution {
  const { tables } = context;
  const located = locateForChange(tables, request.path);
  if (request.path.length === 0) throw new DriveError('FORBIDDEN', { message: 'the root cannot be deleted' });
  const { id } = requireEntry(located);
  const locks = new LockJudge(tables, request);
  judgeConditions({ tables, located, conditions: request.conditions, locks });
  locks.allowRemove(located);
  locks.end(locks.within(id));
  return {
    operations: [...locks.endings, { o: 'end', id, time: wholeTime(request.now) }],
    result: () => ({ ended: [id] }),
  };
}
