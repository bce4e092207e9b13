/**
 * PUT. Everything that can refuse the body is asked before it is read (and before a waiting sender is told to go on);
 * the change itself is one atomic step at the end, which judges all conditions again. A body that stops half way
 * leaves nothing.
 */
import { DriveError } from '../../core/errors.js';
import { bodyOf } from '../../http/body.js';
import { strongTag } from '../../http/entity-tags.js';
import { formatHttpDate } from '../../http/http-dates.js';
import { refusal } from '../../http/status.js';
import type { ChangeOptions, Volume } from '../../volume/volume.js';
import { type Handler, send } from '../answers.js';
import type { DavContext } from '../dav-context.js';
import { changeOptions, readModified } from '../request-headers.js';

export const put: Handler = async (context) => {
  refuseUnknownContent(context);
  const options = changeOptions(context);
  const modified = readModified(context.request.headers);
  await checkTarget(context, options);
  const { created, entry } = await store(context, { ...options, modified });
  await send(context, created ? 201 : 204, {
    ETag: strongTag(entry.etag),
    'Last-Modified': formatHttpDate(entry.modified),
    ...(modified !== undefined && { 'X-OC-Mtime': 'accepted' }),
  });
};

/** To store a part as the whole, or packed bytes as plain ones, would be to lose data. */
function refuseUnknownContent({ request: { headers }, trailingSlash }: DavContext): void {
  if (headers['content-range'] !== undefined) throw refusal(400, 'a part of a file cannot be stored');
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    throw refusal(415, 'bodies are stored as they are');
  if (trailingSlash) throw refusal(405, 'the name of a file does not end in a slash');
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

async function store(context: DavContext, options: Parameters<Volume['put']>[2]): ReturnType<Volume['put']> {
  const { request, volume, path, signal } = context;
  const upload = await volume.upload({ expectedBytes: expectedBytes(context), signal });
  try {
    context.acceptBody();
    for await (const bytes of bodyOf(request)) await upload.write(bytes);
    return await volume.put(path, await upload.finish(), options);
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
