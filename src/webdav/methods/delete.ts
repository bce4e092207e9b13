import { type Handler, send } from '../answers.js';
import { changeOptions, requireWholeTree } from '../request-headers.js';

/** One atomic step, for a file as for a tree; so there is never a 207. */
export const remove: Handler = async (context) => {
  requireWholeTree(context.request.headers);
  await context.volume.delete(context.path, changeOptions(context));
  await send(context, 204);
};
