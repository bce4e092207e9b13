import { refusal } from '../../http/status.js';
import { type Handler, send } from '../answers.js';
import { changeOptions } from '../request-headers.js';

/** The angle brackets may be missing: some clients forget them. */
export const unlock: Handler = async (context) => {
  const header = context.request.headers['lock-token'];
  const match = typeof header === 'string' ? /^\s*<?([^<>\s]+)>?\s*$/.exec(header) : null;
  if (!match) throw refusal(400, 'the Lock-Token header is missing or not valid');
  await context.volume.unlock(context.path, match[1]!, changeOptions(context));
  await send(context, 204);
};
