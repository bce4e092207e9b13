/** Requests become operations: one kind, one function. A request that may not be done throws and leaves nothing. */
import { resolveProtect, resolveWant } from '../protection/resolve-protection.js';
import type { ChangeRequest } from '../requests.js';
import type { Resolution, ResolveContext } from './resolve-context.js';
import { resolveCopy } from './resolve-copy.js';
import { resolveOperations, resolvePrune, resolveReserveContent, resolveRetire } from './resolve-engine.js';
import { resolveDelete, resolveMakeFolder } from './resolve-folder.js';
import { resolveLock, resolveRefreshLock, resolveUnlock } from './resolve-locks.js';
import { resolveMove } from './resolve-move.js';
import { resolveSetProperties } from './resolve-properties.js';
import { resolvePut } from './resolve-put.js';
import { resolveSetUser } from './users/resolve-set-user.js';

type Resolvers = {
  readonly [K in ChangeRequest['kind']]: (
    request: Extract<ChangeRequest, { kind: K }>,
    context: ResolveContext,
  ) => Resolution;
};

const resolvers: Resolvers = {
  put: resolvePut,
  'make-folder': resolveMakeFolder,
  delete: resolveDelete,
  move: resolveMove,
  copy: resolveCopy,
  'set-properties': resolveSetProperties,
  lock: resolveLock,
  'refresh-lock': resolveRefreshLock,
  unlock: resolveUnlock,
  'set-user': resolveSetUser,
  protect: resolveProtect,
  'reserve-content': resolveReserveContent,
  operations: resolveOperations,
  prune: resolvePrune,
  retire: resolveRetire,
  want: resolveWant,
};

export function resolve(request: ChangeRequest, context: ResolveContext): Resolution {
  return (resolvers[request.kind] as (request: ChangeRequest, context: ResolveContext) => Resolution)(request, context);
}
