/** GET and HEAD. Every byte was verified before it leaves; what fails later ends the connection, never the body. */
import { DriveError } from '../../core/errors.js';
import { readBuffers } from '../../core/memory/read-buffers.js';
import { contentTypeOf } from '../../http/content-types.js';
import { strongTag } from '../../http/entity-tags.js';
import { formatHttpDate } from '../../http/http-dates.js';
import { judgeRead, rangeStillHolds, readPreconditions, type Validators } from '../../http/preconditions.js';
import { decideRange } from '../../http/ranges.js';
import { drained } from '../../http/streamed-body.js';
import type { ByteRange, ContentReader, EntryRow } from '../../volume/volume.js';
import { type Handler, send, sendNotFound } from '../answers.js';
import { checksumText } from '../body/checksums.js';
import type { DavContext } from '../dav-context.js';
import { lookUp } from '../marker-files.js';
import { sendFolderPage } from '../pages/folder-page.js';
import { verifyIfHeader } from '../request-headers.js';

export const get: Handler = async (context) => {
  await verifyIfHeader(context);
  const entry = await lookUp(context);
  if (!entry) return sendNotFound(context);
  if (entry.kind === 'folder') return sendFolderPage(context, entry);
  await sayChecksums(context, entry);
  if (context.method === 'HEAD' || entry.sizeBytes === 0) return sendFile(context, entry, undefined);
  const reader = await context.volume.open(context.path);
  try {
    // The entry as it was opened: it may have been replaced since the look-up.
    if (reader.entry.etag !== entry.etag) context.response.removeHeader('OC-Checksum');
    await sendFile(context, reader.entry, reader);
  } finally {
    reader.close();
  }
};

/** The checksums that came with the file; few files have any. */
async function sayChecksums({ volume, response }: DavContext, entry: EntryRow): Promise<void> {
  const checksums = entry.hasProperties ? checksumText(await volume.properties(entry)) : undefined;
  if (checksums !== undefined) response.setHeader('OC-Checksum', checksums);
}

async function sendFile(context: DavContext, entry: EntryRow, reader: ContentReader | undefined): Promise<void> {
  const { request, response } = context;
  const now: Validators = { tag: strongTag(entry.etag), modified: entry.modified };
  const verdict = judgeRead(readPreconditions(request.headers), now);
  if (verdict === 412) throw new DriveError('PRECONDITION_FAILED');
  response.setHeader('ETag', now.tag);
  response.setHeader('Last-Modified', formatHttpDate(entry.modified));
  response.setHeader('Cache-Control', 'no-cache, private');
  if (verdict === 304) return send(context, 304);
  response.setHeader('Accept-Ranges', 'bytes');
  const wanted = rangeStillHolds(request.headers['if-range'] as string | undefined, now)
    ? request.headers.range
    : undefined;
  const range = decideRange(request.method === 'GET' ? wanted : undefined, entry.sizeBytes);
  if (range.kind === 'unsatisfiable') return send(context, 416, { 'Content-Range': `bytes */${entry.sizeBytes}` });
  // What users store must not run as a page of this origin.
  response.setHeader('Content-Type', contentTypeOf(entry.name));
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', 'sandbox');
  const part = range.kind === 'part' ? range : { start: 0, end: entry.sizeBytes };
  response.setHeader('Content-Length', part.end - part.start);
  if (range.kind === 'part') {
    response.statusCode = 206;
    response.setHeader('Content-Range', `bytes ${part.start}-${part.end - 1}/${entry.sizeBytes}`);
  }
  const bytes = reader?.atHand(part);
  if (bytes) {
    response.end(bytes, () => readBuffers.giveBack(bytes));
    return;
  }
  if (reader) await sendBytes(context, reader, part);
  response.end();
}

/** Headers leave with the first verified bytes, so that an unreadable file can still get a status. */
async function sendBytes(context: DavContext, reader: ContentReader, range: ByteRange): Promise<void> {
  const { response, signal } = context;
  if (range.start === range.end) return;
  let left = range.end - range.start;
  for await (const bytes of reader.read(range, { signal })) {
    left -= bytes.length;
    const isTaken = response.write(bytes, (error) => {
      // The system has all of it: nobody reads the buffer any more.
      if (!error) readBuffers.giveBack(bytes);
    });
    if (!isTaken) await drained(response);
  }
  if (left !== 0) throw new DriveError('INTERNAL', { message: 'the reader gave another length than was asked for' });
}
