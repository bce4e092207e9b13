/** The headers of RFC 4918 section 10 and a few that clients have added, read strictly: `F, T` is not an Overwrite. */
import type { IncomingHttpHeaders } from 'node:http';
import { limits } from '../http/limits.js';
import { readPreconditions } from '../http/preconditions.js';
import { refusal } from '../http/status.js';
import type { ChangeOptions, Conditions, EntryPath, IfList } from '../volume/volume.js';
import type { DavContext } from './dav-context.js';
import { hostnameOf, hostOfUri, resolveUri } from './hrefs.js';
import { parseIfHeader, type TagResolver } from './if-header.js';

export type Depth = 0 | 1 | 'infinity';

/** Absent means infinity, for every method that has the header. */
export function readDepth(headers: IncomingHttpHeaders): Depth {
  const text = single(headers.depth)?.trim().toLowerCase();
  if (text === undefined || text === 'infinity') return 'infinity';
  if (text === '0') return 0;
  if (text === '1') return 1;
  throw refusal(400, 'Depth is 0, 1 or infinity');
}

/** For methods that work on whole trees only. */
export function requireWholeTree(headers: IncomingHttpHeaders): void {
  if (readDepth(headers) !== 'infinity') throw refusal(400, 'this method knows only Depth: infinity');
}

export function readOverwrite(headers: IncomingHttpHeaders): boolean {
  const text = single(headers.overwrite)?.trim().toUpperCase();
  if (text === undefined || text === 'T') return true;
  if (text === 'F') return false;
  throw refusal(400, 'Overwrite is T or F');
}

/** The first kind we know; clamped to what is granted. Absent: the longest. */
export function readTimeoutMs(headers: IncomingHttpHeaders): number {
  for (const item of (single(headers.timeout) ?? '').split(',')) {
    const match = /^Second-(\d{1,20})$/i.exec(item.trim());
    if (match) return Math.min(Math.max(Number(match[1]), 1) * 1000, limits.lockMs);
  }
  return limits.lockMs;
}

/** Path on this volume that a COPY or MOVE goes to. */
export function readDestination(context: DavContext): EntryPath {
  const header = single(context.request.headers.destination);
  if (header === undefined || header.trim() === '') throw refusal(400, 'the Destination header is missing');
  const target = resolveUri(header.trim(), context.environment);
  if (target?.volume.name !== context.volume.name) throw refusal(502, 'the Destination is not on this volume');
  requireThisServer(header.trim(), context);
  return target.path;
}

/**
 * Proxies change the Host on the way in, and not what is in here; most say in X-Forwarded-Host what it was. Whoever could
 * lie about it gains nothing: the path is one of this volume in any case.
 */
function requireThisServer(uri: string, { request, environment }: DavContext): void {
  const host = hostOfUri(uri);
  if (host === undefined || environment.isOwnHost(host, request)) return;
  const { host: own = '', 'x-forwarded-host': forwarded = '' } = request.headers;
  if ([own, ...String(forwarded).split(',')].some((name) => hostnameOf(name.trim()) === host)) return;
  const hint = 'behind a proxy, serve with --allow-host and its name';
  throw refusal(502, `the Destination is on another server (${hint})`);
}

/** Unix seconds of `X-OC-Mtime` (rclone, GVFS, ownCloud's clients) as milliseconds. */
export function readModified(headers: IncomingHttpHeaders): number | undefined {
  const text = single(headers['x-oc-mtime'])?.trim();
  if (text === undefined || !/^\d{1,11}(\.\d{1,9})?$/.test(text)) return undefined;
  return Math.floor(Number(text) * 1000);
}

/** The conditions of the request as data, for the volume to judge together with the change. */
export function readConditions(context: DavContext): Conditions | undefined {
  const { headers } = context.request;
  const http = readPreconditions(headers);
  const ifHeader = single(headers.if);
  if (http === undefined && ifHeader === undefined) return undefined;
  return {
    ifMatch: http?.ifMatch,
    ifNoneMatch: http?.ifNoneMatch,
    ifUnmodifiedSince: http?.ifUnmodifiedSince,
    ...(ifHeader !== undefined && { ifLists: parseIfHeader(ifHeader, tagResolver(context)) }),
  };
}

/** The If header's tokens are submitted, but its conditions always hold: one more list does. */
export function submittingOnly(conditions: Conditions | undefined): Conditions | undefined {
  if (!conditions?.ifLists) return conditions;
  const always: IfList = { resource: 'request', conditions: [{ not: true, kind: 'token', value: 'DAV:no-lock' }] };
  return { ...conditions, ifLists: [always, ...conditions.ifLists] };
}

export function changeOptions(context: DavContext): ChangeOptions {
  return { conditions: readConditions(context), principal: context.principal };
}

/** The `If` header of a request that only reads; the rest of its conditions is judged by its handler. */
export async function verifyIfHeader(context: DavContext): Promise<void> {
  const header = single(context.request.headers.if);
  if (header === undefined) return;
  const ifLists = parseIfHeader(header, tagResolver(context));
  await context.volume.verify(context.path, {
    conditions: { ifLists },
    principal: context.principal,
    forWriting: false,
  });
}

function tagResolver(context: DavContext): TagResolver {
  return (uri) => {
    const resolved = resolveUri(uri, context.environment);
    return resolved?.volume.name === context.volume.name ? resolved.path : null;
  };
}

/** Node joins repeated headers with commas, so a list never gets here; its types do not know. */
function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
