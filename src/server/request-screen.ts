/**
 * What is refused before anything looks at the request's meaning: framing that two parties could read differently,
 * paths that are no paths, names of hosts that are not ours, and web pages of other origins.
 */
import type { IncomingMessage } from 'node:http';
import type { DriveError } from '../core/errors.js';
import { contentLength } from '../http/body.js';
import { limits } from '../http/limits.js';
import { refusal } from '../http/status.js';
import { decodeTargetPath, type TargetPath } from '../http/target-path.js';
import { hostnameOf } from '../webdav/hrefs.js';
import type { OwnHost } from './host-rules.js';

const uploads = new Set(['PUT', 'PATCH']);
const reads: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PROPFIND']);
const absoluteForm = /^https?:\/\/((?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{0,5})?)(\/[^?#]*)?(?:\?[^#]*)?$/i;

/** The request's path. Throws what the request is to be refused with. */
export function screenRequest(request: IncomingMessage, isOwnHost: OwnHost): TargetPath {
  screenFraming(request);
  screenHost(request, isOwnHost);
  screenOrigin(request, isOwnHost);
  return readTarget(request, isOwnHost);
}

function screenFraming(request: IncomingMessage): void {
  const { headers, httpVersionMajor, httpVersionMinor, method = '' } = request;
  if (request.rawHeaders.length / 2 > limits.headerLines) throw refusal(431, 'the request has too many header lines');
  if (httpVersionMajor !== 1 || (httpVersionMinor === 0 && !reads.has(method))) {
    throw refusal(505, 'HTTP/1.1 is needed for this');
  }
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    throw refusal(501, 'no transfer coding but chunked is known here');
  }
  if (count(request, 'authorization') > 1) throw refusal(400, 'a request has one Authorization header');
  if (!uploads.has(method) && contentLength(request) > limits.xmlBytes) throw refusal(413, 'the body is too large');
}

function screenHost(request: IncomingMessage, isOwnHost: OwnHost): void {
  if (count(request, 'host') !== 1) throw refusal(400, 'a request has one Host header');
  if (!isOwnHost(hostnameOf(request.headers.host!), request.socket.localAddress)) throw foreignHost();
}

/** Node keeps the first of two; somebody in front of us may have looked at the second. */
function count({ rawHeaders }: IncomingMessage, wanted: string): number {
  let lines = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === wanted.length && name.toLowerCase() === wanted) lines += 1;
  }
  return lines;
}

function foreignHost(): DriveError {
  return refusal(421, 'this host name is not served here; whoever runs the server can allow it with --allow-host');
}

/** Following a link is harmless; everything else that another site's page starts is not. */
function screenOrigin(request: IncomingMessage, isOwnHost: OwnHost): void {
  const { headers, method } = request;
  const site = headers['sec-fetch-site'];
  const foreignOrigin = headers.origin !== undefined && !isOwnOrigin(headers.origin, request, isOwnHost);
  const foreignSite = site === 'cross-site' || site === 'same-site';
  if (!foreignOrigin && !foreignSite) return;
  const navigates = (method === 'GET' || method === 'HEAD') && headers['sec-fetch-mode'] === 'navigate';
  if (foreignOrigin || !navigates) throw refusal(403, 'requests of other web sites are refused');
}

/**
 * The host that the request names, or one of ours that a proxy in front says it named: no page can send that header
 * to another origin without being allowed to. Where TLS ends here, a page of http://HOST may be anybody's on the way.
 */
function isOwnOrigin(origin: string, { headers, socket }: IncomingMessage, isOwnHost: OwnHost): boolean {
  const [, scheme, host] = /^(https?):\/\/([^/]+)$/.exec(origin.toLowerCase()) ?? [];
  if (host === undefined || ('encrypted' in socket && scheme === 'http')) return false;
  if (host === headers.host?.toLowerCase()) return true;
  const forwarded = String(headers['x-forwarded-host'] ?? '').split(',');
  return (
    forwarded.some((name) => name.trim().toLowerCase() === host) && isOwnHost(hostnameOf(host), socket.localAddress)
  );
}

function readTarget(request: IncomingMessage, isOwnHost: OwnHost): TargetPath {
  const url = request.url ?? '';
  if (url === '*') {
    if (request.method !== 'OPTIONS') throw refusal(400, 'only OPTIONS is about the whole server');
    return { names: [], trailingSlash: true };
  }
  if (!url.startsWith('/')) {
    const match = absoluteForm.exec(url);
    if (!match) throw refusal(400, 'the request target is not valid');
    if (!isOwnHost(hostnameOf(match[1]!), request.socket.localAddress)) throw foreignHost();
    return decodeTargetPath(match[2] ?? '/');
  }
  const query = url.indexOf('?');
  // A name with a question mark that was not encoded: better no answer than the deletion of something else.
  if (query >= 0 && !reads.has(request.method ?? ''))
    throw refusal(400, 'a request that changes something has no query');
  return decodeTargetPath(query < 0 ? url : url.slice(0, query));
}
