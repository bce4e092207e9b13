/**
 * PUT. Everything that can refuse the body is asked before it is read (and before a waiting sender is told to go on);
 * the change itself is one atomic step at the end, which judges all conditions again. A body that stops half way
 * leaves nothing.
 */
import type { OutgoingHttpHeaders } from 'node:http';
import { DriveError } from '../../core/errors.js';
import { discard } from '../../core/memory/discard.js';
import { bodyOf } from '../../http/body.js';
import { strongTag } from '../../http/entity-tags.js';
import { formatHttpDate } from '../../http/http-dates.js';
import { refusal } from '../../http/status.js';
import type { ChangeOptions, EntryRow, PutOptions, Volume } from '../../volume/volume.js';
import { type Handler, send } from '../answers.js';
import { BodyChecksums } from '../body/checksums.js';
import type { DavContext } from '../dav-context.js';
import { changeOptions, readModified } from '../request-headers.js';

export const put: Handler = async (context) => {
  const { request, trailingSlash } = context;
  // To store a part as the whole would be to lose the rest.
  if (request.headers['content-range'] !== undefined) throw refusal(400, 'a part of a file cannot be stored');
  refuseEncodedBody(context);
  if (trailingSlash) throw refusal(405, 'the name of a file does not end in a slash');
  const options = changeOptions(context);
  const modified = readModified(request.headers);
  const checksums = new BodyChecksums(request.headers);
  await checkTarget(context, options);
  const { created, entry } = await store(context, checksums, { ...options, modified });
  await send(context, created ? 201 : 204, validators(entry, modified));
};

/** What the sender needs to know of what it stored. `modified`: the time that it gave. */
export function validators(entry: EntryRow, modified: number | undefined): OutgoingHttpHeaders {
  return {
    ETag: strongTag(entry.etag),
    'Last-Modified': formatHttpDate(entry.modified),
    ...(modified !== undefined && { 'X-OC-Mtime': 'accepted' }),
  };
}

/** To store packed bytes as plain ones would be to lose data. */
export function refuseEncodedBody({ request }: DavContext): void {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw refusal(415, 'bodies are stored as they are');
}

async function checkTarget({ volume, path }: DavContext, options: ChangeOptions): Promise<void> {
  const present = await volume.stat(path);
  if (present?.kind === 'folder') throw new DriveError('IS_FOLDER');
  if (!present) {
    const parent = await volume.stat(path.slice(0, -1));
    if (parent?.kind !== 'folder') throw new DriveError('PARENT_MISSING');
  }
  await volume.verify(path, { ...options, forWriting: true });
}

async function store(context: DavContext, checksums: BodyChecksums, options: PutOptions): ReturnType<Volume['put']> {
  const { request, volume, path, signal } = context;
  const upload = await volume.upload({ expectedBytes: expectedBytes(context), signal, under: { path, ...options } });
  try {
    context.acceptBody();
    for await (const bytes of bodyOf(request)) {
      checksums.update(bytes);
      if (await upload.write(bytes)) discard(bytes);
    }
    const properties = [checksums.verify()];
    return await volume.put(path, await upload.finish(), { ...options, properties });
  } catch (error) {
    await upload.abort();
    throw error;
  }
}

/** Finder says with a header of its own how much a chunked body will bring; only a hint. */
function expectedBytes({ request: { headers } }: DavContext): number | undefined {
  const text = headers['content-length'] ?? headers['x-expected-entity-length'] ?? headers['oc-total-length'];
  const length = Number(text ?? Number.NaN);
  return Number.isSafeInteger(length) && length >= 0 ? length : undefined;
}
