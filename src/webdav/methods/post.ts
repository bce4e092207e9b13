import { refusal } from '../../http/status.js';
import { type Handler, send } from '../answers.js';
import { allowedMethods } from './options.js';

/** Nothing here takes a form; to store one as a file would let any web page write to the drive. */
export const post: Handler = (context) => send(context, 405, { Allow: allowedMethods });

export const unknownMethod: Handler = async () => {
  throw refusal(501, 'this method is not known here');
};
