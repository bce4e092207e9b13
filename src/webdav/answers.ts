/** Sending answers without a streamed body, and turning failures into them. */
import type { OutgoingHttpHeaders } from 'node:http';
import { asDriveError, type DriveError } from '../core/errors.js';
import { contentLength, hasBody } from '../http/body.js';
import { limits } from '../http/limits.js';
import { statusOf } from '../http/status.js';
import type { EntryPath } from '../volume/volume.js';
import type { DavContext } from './dav-context.js';
import { escapeXml, xmlContentType, xmlDeclaration } from './xml/xml-writer.js';

export type Handler = (context: DavContext) => Promise<void>;

/**
 * Sends a complete answer. If the request has a body that nobody read, the rest of it is thrown away first (up to a
 * limit): closing at once would reset the connection before its sender has seen the answer.
 */
export async function send(
  context: DavContext,
  status: number,
  headers: OutgoingHttpHeaders = {},
  body = '',
): Promise<void> {
  const { request, response } = context;
  response.statusCode = status;
  for (const name of Object.keys(headers)) response.setHeader(name, headers[name]!);
  if (status !== 204 && status !== 304) response.setHeader('Content-Length', Buffer.byteLength(body));
  if (request.complete || !hasBody(request) || canBeSkipped(context)) {
    response.end(body);
    request.resume();
    return;
  }
  response.setHeader('Connection', 'close');
  if (context.bodyComes && !request.destroyed) {
    response.flushHeaders();
    if (body !== '') response.write(body);
    await context.environment.linger(request);
    response.end();
  } else {
    response.end(body);
  }
}

function canBeSkipped(context: DavContext): boolean {
  const length = contentLength(context.request);
  return context.bodyComes && length > 0 && length <= limits.discardBytes;
}

/** Probes for files that do not exist are most of the traffic of a mounted drive: no error is made for them. */
export function sendNotFound(context: DavContext): Promise<void> {
  return send(context, 404);
}

export function sendXml(
  context: DavContext,
  status: number,
  xml: string,
  headers: OutgoingHttpHeaders = {},
): Promise<void> {
  return send(context, status, { ...headers, 'Content-Type': xmlContentType }, `${xmlDeclaration}${xml}`);
}

/** Runs a handler; whatever it throws becomes an answer, or the end of the connection once a body has begun. */
export async function runHandler(handler: Handler, context: DavContext): Promise<void> {
  try {
    await handler(context);
  } catch (error) {
    await sendError(context, asDriveError(error));
  }
}

async function sendError(context: DavContext, error: DriveError): Promise<void> {
  const { response } = context;
  const status = statusOf(error);
  if (status === 500) context.environment.report(error, `${context.method} ${context.href}`);
  if (response.headersSent || response.destroyed) {
    // A clean end would make the part that was sent look like the whole.
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) {
    if (name !== 'server' && name !== 'connection') response.removeHeader(name);
  }
  // Finder shows "connection interrupted" and tries again; a 503 alone it would take for "no such file".
  const headers: OutgoingHttpHeaders = status === 503 ? { Connection: 'close', 'Retry-After': '5' } : {};
  const condition = conditionXml(context, error);
  if (condition !== undefined)
    return sendXml(context, status, `<D:error xmlns:D="DAV:">${condition}</D:error>`, headers);
  if (error.code === 'NOT_FOUND') return send(context, status, headers);
  const text = error.code === 'INTERNAL' ? 'internal error' : error.message;
  return send(context, status, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' }, `${text}\n`);
}

/** The conditions of RFC 4918 section 16 (and RFC 4331 section 6) by name. */
function conditionXml(context: DavContext, error: DriveError): string | undefined {
  if (typeof error.details.condition === 'string' && error.code === 'BAD_REQUEST')
    return `<D:${error.details.condition}/>`;
  switch (error.code) {
    case 'LOCKED':
      return lockCondition(context, error);
    case 'LOCK_TOKEN_MISMATCH':
      return '<D:lock-token-matches-request-uri/>';
    case 'OUT_OF_SPACE':
      return '<D:sufficient-disk-space/>';
    case 'PRECONDITION_FAILED':
      return context.method === 'LOCK' ? '<D:lock-token-matches-request-uri/>' : undefined;
    default:
      return undefined;
  }
}

function lockCondition(context: DavContext, error: DriveError): string {
  const name = context.method === 'LOCK' ? 'no-conflicting-lock' : 'lock-token-submitted';
  const roots = (error.details.lockRoots ?? [context.path]) as readonly EntryPath[];
  const hrefs = roots.map((root) => `<D:href>${escapeXml(context.hrefOf(root))}</D:href>`);
  return `<D:${name}>${hrefs.join('')}</D:${name}>`;
}
