import { type Handler, send } from '../answers.js';
import { partialUpdateType } from './patch.js';

export const allowedMethods =
  'OPTIONS, GET, HEAD, PUT, PATCH, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK';

const readingMethods = 'OPTIONS, GET, HEAD, PROPFIND';

/**
 * The same on any path, there or not: clients ask before they have a name. 200 and not 204: Finder wants it; Office
 * opens read-only without MS-Author-Via.
 */
export const options: Handler = (context) =>
  send(context, 200, {
    Allow: context.mayWrite ? allowedMethods : readingMethods,
    // Without locks Finder mounts for reading only. Words that are not numbers come last: some clients read no further than the first that they do not know.
    DAV: context.mayWrite ? '1, 2, 3, sabredav-partialupdate' : '1, 3',
    ...(context.mayWrite && { 'Accept-Patch': partialUpdateType }),
    'MS-Author-Via': 'DAV',
  });
