/** DELETE: one atomic step, for a file as for a tree; so there is never a 207. */
import { refusal } from '../../http/status.js';
import { type Handler, send } from '../answers.js';
import type { DavContext } from '../dav-context.js';
import { changeOptions, readDepth } from '../request-headers.js';

export const remove: Handler = async (context) => {
  await checkDepth(context);
  await context.volume.delete(context.path, changeOptions(context));
  await send(context, 204);
};

/** lftp says `Depth: 0` when it deletes a file, where it means nothing; for a folder it asks for what cannot be done. */
async function checkDepth({ request, volume, path }: DavContext): Promise<void> {
  if (readDepth(request.headers) === 'infinity') return;
  const present = await volume.stat(path);
  if (present?.kind === 'folder') throw refusal(400, 'folders are deleted with all that is in them: Depth: infinity');
}
