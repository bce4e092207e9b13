/** Creating or replacing a file. */
import { DriveError } from '../../core/errors.js';
import { judgeConditions } from '../judge/conditions.js';
import { locateForChange, requireParent } from '../judge/located-path.js';
import { LockJudge } from '../judge/lock-judge.js';
import type { Operation } from '../operations.js';
import { contentOperations } from './content-operations.js';
import { type RequestOf, type Resolution, type ResolveContext, wholeTime } from './resolve-context.js';
import { propertyOperations } from './resolve-properties.js';

export function resolvePut(request: RequestOf<'put'>, context: ResolveContext): Resolution {
  const { tables } = context;
  const located = locateForChange(tables, request.path);
  const { entry, name } = located;
  if (request.path.length === 0 || entry?.kind === 'folder') throw new DriveError('IS_FOLDER');
  const parent = requireParent(located);
  const locks = new LockJudge(tables, request);
  judgeConditions({ tables, located, conditions: request.conditions, locks });
  if (entry === undefined) locks.allowCreate(located);
  else locks.allowChange(located);
  if (request.replaces !== undefined && request.replaces !== entry?.content) {
    throw new DriveError('PRECONDITION_FAILED', { message: 'the file was replaced meanwhile' });
  }

  const { copies } = request;
  const needsChanged =
    copies !== undefined && copies !== (tables.protection.nearest(parent.id) ?? tables.nodes.volume()?.replicas);
  const time = wholeTime(request.now);
  const modified = wholeTime(request.modified ?? time);
  const content = contentOperations(request.content, context);
  const id = entry?.id ?? context.nextEntry();
  const change: Operation =
    entry !== undefined
      ? { o: 'replace', id, content: content.id, modified, time }
      : { o: 'entry', id, parent: parent.id, name, kind: 'file', content: content.id, created: time, modified, time };
  // Most files have no properties: nothing is journaled to remove what is not there.
  const properties = (request.properties ?? []).filter(({ value }) => value !== null || entry?.hasProperties === true);
  return {
    operations: [...locks.endings, ...content.operations, change, ...propertyOperations(id, properties, context)],
    result: () => ({
      created: entry === undefined,
      entry: tables.entries.byId(id)!,
      ...(needsChanged && { needsChanged }),
      ...(entry && { ended: [id] }),
    }),
  };
}
