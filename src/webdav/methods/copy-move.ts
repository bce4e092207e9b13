/** COPY and MOVE: each one atomic step of the index, whatever the size of the file or tree; so there is never a 207. */
import { refusal } from '../../http/status.js';
import { type Handler, send } from '../answers.js';
import type { DavContext } from '../dav-context.js';
import {
  changeOptions,
  readDepth,
  readDestination,
  readModified,
  readOverwrite,
  requireWholeTree,
  submittingOnly,
} from '../request-headers.js';

export const copy: Handler = async (context) => {
  const depth = readDepth(context.request.headers);
  if (depth === 1) throw refusal(400, 'COPY knows Depth 0 and infinity');
  const { target, ...options } = readTransfer(context);
  const { created } = await context.volume.copy(context.path, target, { ...options, depth });
  await sendDone(context, created, options.modified);
};

export const move: Handler = async (context) => {
  requireWholeTree(context.request.headers);
  const { target, ...options } = readTransfer(context);
  const { locksFollowMove, tokensOfMembers } = context.profile;
  const conditions = tokensOfMembers ? submittingOnly(options.conditions) : options.conditions;
  const change = { ...options, conditions, locksFollow: locksFollowMove };
  const { created } = await context.volume.move(context.path, target, change);
  await sendDone(context, created, options.modified);
};

function readTransfer(context: DavContext) {
  const { headers } = context.request;
  return {
    target: readDestination(context),
    overwrite: readOverwrite(headers),
    modified: readModified(headers),
    ...changeOptions(context),
  };
}

function sendDone(context: DavContext, created: boolean, modified: number | undefined): Promise<void> {
  return send(context, created ? 201 : 204, modified === undefined ? {} : { 'X-OC-Mtime': 'accepted' });
}
