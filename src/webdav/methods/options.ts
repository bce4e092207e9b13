import { type Handler, send } from '../answers.js';

export const allowedMethods = 'OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK';

/**
 * The same on any path, there or not: clients ask before they have a name. 200 and not 204: Finder wants it; Office
 * opens read-only without MS-Author-Via.
 */
export const options: Handler = (context) =>
  send(context, 200, { Allow: allowedMethods, DAV: '1, 2, 3', 'MS-Author-Via': 'DAV' });
