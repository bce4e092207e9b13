import { hasBody } from '../../http/body.js';
import { refusal } from '../../http/status.js';
import { type Handler, send } from '../answers.js';
import { changeOptions, readModified } from '../request-headers.js';

/** RFC 4918 section 9.3: a body whose meaning is not known is refused. */
export const mkcol: Handler = async (context) => {
  if (hasBody(context.request)) throw refusal(415, 'MKCOL takes no body');
  const modified = readModified(context.request.headers);
  await context.volume.makeFolder(context.path, { ...changeOptions(context), modified });
  await send(context, 201, modified === undefined ? {} : { 'X-OC-Mtime': 'accepted' });
};
