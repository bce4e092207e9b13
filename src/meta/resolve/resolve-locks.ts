/** DAV locks of clients: new, refreshed, ended (RFC 4918 sections 9.10 and 9.11). */
import { DriveError } from '../../core/errors.js';
import { contentChecksum } from '../content-checksum.js';
import { judgeConditions } from '../judge/conditions.js';
import { locateForChange, locatePath, requireEntry, requireParent } from '../judge/located-path.js';
import { LockJudge } from '../judge/lock-judge.js';
import type { Operation } from '../operations.js';
import type { LockRow } from '../rows.js';
import type { StoredLock } from '../tables/lock-table.js';
import type { Tables } from '../tables/tables.js';
import { contentOperations } from './content-operations.js';
import { type RequestOf, type Resolution, type ResolveContext, wholeTime } from './resolve-context.js';

/** As readers see it; undefined when its entry has ended. */
export function toLockRow(lock: StoredLock, tables: Tables): LockRow | undefined {
  const path = tables.entries.pathOf(lock.entry);
  return path && { ...lock, path };
}

/** An unmapped path becomes an empty file, locked (section 7.3). */
export function resolveLock(request: RequestOf<'lock'>, context: ResolveContext): Resolution {
  const { tables } = context;
  const located = locateForChange(tables, request.path);
  const parent = located.entry === undefined ? requireParent(located) : undefined;
  const locks = new LockJudge(tables, request);
  judgeConditions({ tables, located, conditions: request.conditions, locks });
  if (parent !== undefined) locks.allowCreate(located);
  locks.allowLock(located, request);
  checkLimits(request, locks, context);

  const time = wholeTime(request.now);
  const id = located.entry?.id ?? context.nextEntry();
  const operations: Operation[] = locks.endings;
  if (parent !== undefined) operations.push(...emptyFile({ id, parent: parent.id, name: located.name, time }, context));
  const { token, scope, depth, owner, principal } = request;
  const timeout = wholeTime(request.timeoutMs);
  operations.push({ o: 'lock', token, entry: id, scope, depth, owner, principal, timeout, expires: time + timeout });
  return {
    operations,
    result: () => ({
      created: parent !== undefined,
      entry: tables.entries.byId(id)!,
      lock: toLockRow(tables.locks.get(token)!, tables)!,
    }),
  };
}

/** The token stays the same. */
export function resolveRefreshLock(request: RequestOf<'refresh-lock'>, context: ResolveContext): Resolution {
  const { tables } = context;
  const located = locateForChange(tables, request.path);
  requireEntry(located);
  const locks = new LockJudge(tables, request);
  judgeConditions({ tables, located, conditions: request.conditions, locks });
  const named = locks.covering(located).filter((lock) => locks.isSubmitted(lock));
  if (named.length === 0) {
    throw new DriveError('PRECONDITION_FAILED', { details: { condition: 'lock-token-matches-request-uri' } });
  }
  const timeout = wholeTime(request.timeoutMs);
  const expires = wholeTime(request.now) + timeout;
  const operations = locks.endings;
  for (const { token, entry, scope, depth, owner, principal } of named) {
    operations.push({ o: 'lock', token, entry, scope, depth, owner, principal, timeout, expires });
  }
  return { operations, result: () => ({ lock: toLockRow(tables.locks.get(named[0]!.token)!, tables)! }) };
}

export function resolveUnlock(request: RequestOf<'unlock'>, { tables }: ResolveContext): Resolution {
  const { token } = request;
  const lock = tables.locks.get(token);
  const nothing: Resolution = { operations: [], result: () => ({}) };
  if (lock === undefined) {
    // Finder gives a file up as gone when the UNLOCK of a lock that ended by itself is refused.
    if (tables.locks.hasEnded(token)) return nothing;
    throw new DriveError('LOCK_TOKEN_MISMATCH');
  }
  const located = locatePath(tables, request.path);
  const covers = located.chain.some(
    (row) => row.id === lock.entry && (row === located.entry || lock.depth === 'infinity'),
  );
  if (!covers) throw new DriveError('LOCK_TOKEN_MISMATCH');
  if (lock.principal !== request.principal) {
    throw new DriveError('FORBIDDEN', { message: 'only the one who made a lock can end it' });
  }
  return { ...nothing, operations: [{ o: 'unlock', token }] };
}

function emptyFile(
  file: { readonly id: number; readonly parent: number; readonly name: string; readonly time: number },
  context: ResolveContext,
): Operation[] {
  const { id, parent, name, time } = file;
  const empty = { content: null, recorded: 0, chunks: [], sizeBytes: 0, checksum: contentChecksum([]) };
  const content = contentOperations(empty, context);
  return [
    ...content.operations,
    { o: 'entry', id, parent, name, kind: 'file', content: content.id, created: time, modified: time, time },
  ];
}

function checkLimits(request: RequestOf<'lock'>, locks: LockJudge, { tables, limits }: ResolveContext): void {
  if (Buffer.byteLength(request.owner) > limits.lockOwnerBytes) {
    throw new DriveError('LIMIT_EXCEEDED', {
      message: `a lock owner may be at most ${limits.lockOwnerBytes} bytes long`,
    });
  }
  if (tables.locks.count() >= limits.locks && locks.livingCount() >= limits.locks) {
    throw new DriveError('LIMIT_EXCEEDED', { message: `at most ${limits.locks} locks can be held at a time` });
  }
}
