/**
 * PATCH: part of a file is replaced (http://sabre.io/dav/http-patch/). One atomic step like a PUT, with the same
 * conditions and DAV locks; only the chunks that are touched are written.
 */
import { DriveError } from '../../core/errors.js';
import { bodyOf } from '../../http/body.js';
import { limits } from '../../http/limits.js';
import { refusal } from '../../http/status.js';
import { type Handler, send } from '../answers.js';
import { noChecksums } from '../body/checksums.js';
import { readUpdateRange } from '../body/update-range.js';
import type { DavContext } from '../dav-context.js';
import { changeOptions, readModified } from '../request-headers.js';
import { refuseEncodedBody, validators } from './put.js';

export const partialUpdateType = 'application/x-sabredav-partialupdate';

export const patch: Handler = async (context) => {
  const { request, volume, path, signal } = context;
  const { headers } = request;
  const options = changeOptions(context);
  const modified = readModified(headers);
  const sizeBytes = bodyLength(context);
  const { from, offset } = readUpdateRange(headers, sizeBytes);
  const present = await volume.stat(path);
  if (!present) throw new DriveError('NOT_FOUND');
  if (present.kind === 'folder') throw new DriveError('IS_FOLDER');
  if (from === 'start' && offset > present.sizeBytes + limits.holeBytes) {
    throw refusal(416, 'the range begins too far behind the end of the file');
  }
  await volume.verify(path, { ...options, forWriting: true });
  context.acceptBody();
  const amendment = { from, offset, sizeBytes, body: bodyOf(request), signal };
  const entry = await volume.amend(path, amendment, { ...options, modified, properties: [noChecksums] });
  await send(context, 204, validators(entry, modified));
};

function bodyLength(context: DavContext): number {
  const { headers } = context.request;
  const type = /^[^;\s]*/.exec(headers['content-type'] ?? '')![0].toLowerCase();
  if (type !== partialUpdateType) throw refusal(415, `the body of a PATCH is of the type ${partialUpdateType}`);
  refuseEncodedBody(context);
  if (headers['content-length'] === undefined) throw refusal(411, 'a PATCH says how long its body is');
  return Number(headers['content-length']);
}
