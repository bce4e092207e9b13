/** Dead properties and times. */
import { DriveError } from '../../core/errors.js';
import { judgeConditions } from '../judge/conditions.js';
import { locateForChange, requireEntry } from '../judge/located-path.js';
import { LockJudge } from '../judge/lock-judge.js';
import type { EntryId, Operation } from '../operations.js';
import type { PropertyChange } from '../requests.js';
import { type RequestOf, type Resolution, type ResolveContext, wholeTime } from './resolve-context.js';

const loneSurrogate = /\p{Surrogate}/u;

export function resolveSetProperties(request: RequestOf<'set-properties'>, context: ResolveContext): Resolution {
  const { tables } = context;
  const located = locateForChange(tables, request.path);
  const { id } = requireEntry(located);
  const locks = new LockJudge(tables, request);
  judgeConditions({ tables, located, conditions: request.conditions, locks });
  locks.allowChange(located);

  const operations: Operation[] = [...locks.endings, ...propertyOperations(id, request.changes, context)];
  const { created, modified } = request.times ?? {};
  if (created !== undefined || modified !== undefined) {
    const [newCreated, newModified] = [created, modified].map((time) => (time === undefined ? null : wholeTime(time)));
    operations.push({ o: 'times', id, created: newCreated!, modified: newModified! });
  }
  return {
    operations,
    result: () => {
      checkCount(tables.properties.of(id).length, context);
      return { entry: tables.entries.byId(id)! };
    },
  };
}

/** LIMIT_EXCEEDED, BAD_REQUEST. */
export function propertyOperations(
  entry: EntryId,
  changes: readonly PropertyChange[],
  context: ResolveContext,
): Operation[] {
  return changes.map((change) => {
    checkProperty(change, context);
    const { namespace, name, value } = change;
    return { o: 'property', entry, namespace, name, value };
  });
}

function checkProperty({ namespace, name, value }: PropertyChange, { limits }: ResolveContext): void {
  const text = `${namespace}${name}${value ?? ''}`;
  if (loneSurrogate.test(text))
    throw new DriveError('BAD_REQUEST', { message: 'a property is not well-formed Unicode' });
  if (Buffer.byteLength(text) > limits.propertyBytes) {
    throw new DriveError('LIMIT_EXCEEDED', { message: `a property may be at most ${limits.propertyBytes} bytes long` });
  }
}

/** Judged after the changes, which may remove some: the request's savepoint takes them back. */
function checkCount(count: number, { limits }: ResolveContext): void {
  if (count > limits.propertiesPerEntry) {
    throw new DriveError('LIMIT_EXCEEDED', {
      message: `an entry may have at most ${limits.propertiesPerEntry} properties`,
    });
  }
}
