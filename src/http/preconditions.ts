/**
 * RFC 9110 section 13: conditions of a request, read once. Reads are judged here (`judgeRead`, in the order of section
 * 13.2.2); changes hand the conditions down as data, because only the volume can judge them together with the change.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { parseTagList, strongMatch, weakMatch } from './entity-tags.js';
import { parseHttpDate } from './http-dates.js';

export interface Preconditions {
  readonly ifMatch?: '*' | readonly string[] | undefined;
  readonly ifNoneMatch?: '*' | readonly string[] | undefined;
  /** Milliseconds. */
  readonly ifModifiedSince?: number | undefined;
  readonly ifUnmodifiedSince?: number | undefined;
}

/** What a resource is now, as far as conditions go. `tag` '' when it has none (a folder). */
export interface Validators {
  readonly tag: string;
  readonly modified: number;
}

/** undefined when the request has no condition. Dates that do not parse are ignored (section 13.1.3), bad tags are a 400. */
export function readPreconditions(headers: IncomingHttpHeaders): Preconditions | undefined {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  const modified = headers['if-modified-since'];
  const unmodified = headers['if-unmodified-since'];
  if (match === undefined && noneMatch === undefined && modified === undefined && unmodified === undefined) {
    return undefined;
  }
  return {
    ...(match !== undefined && { ifMatch: parseTagList(match) }),
    ...(noneMatch !== undefined && { ifNoneMatch: parseTagList(noneMatch) }),
    ...(modified !== undefined && { ifModifiedSince: parseHttpDate(modified) }),
    ...(unmodified !== undefined && { ifUnmodifiedSince: parseHttpDate(unmodified) }),
  };
}

/** 200: go on. For GET and HEAD of something that exists. */
export function judgeRead(conditions: Preconditions | undefined, now: Validators): 200 | 304 | 412 {
  if (!conditions) return 200;
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  if (ifMatch !== undefined) {
    if (!strongMatch(ifMatch, now.tag)) return 412;
  } else if (ifUnmodifiedSince !== undefined && seconds(now.modified) > seconds(ifUnmodifiedSince)) {
    return 412;
  }
  if (ifNoneMatch !== undefined) return weakMatch(ifNoneMatch, now.tag) ? 304 : 200;
  if (ifModifiedSince !== undefined && seconds(now.modified) <= seconds(ifModifiedSince)) return 304;
  return 200;
}

/** If-Range: the range counts only for the very same bytes, so a weak tag or another date is a no. */
export function rangeStillHolds(ifRange: string | undefined, now: Validators): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.startsWith('"')) return ifRange === now.tag;
  const date = parseHttpDate(ifRange);
  return date !== undefined && seconds(date) === seconds(now.modified);
}

function seconds(timeMs: number): number {
  return Math.floor(Math.max(0, timeMs) / 1000);
}
