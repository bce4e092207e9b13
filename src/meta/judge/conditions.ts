/**
 * Preconditions of a request: RFC 9110 section 13 (entity tags, dates) and the If header of RFC 4918 section 10.4,
 * judged against the state inside the transaction. PRECONDITION_FAILED names the header in `details.condition`.
 */
import { DriveError } from '../../core/errors.js';
import type { Conditions, EntryPath, IfList } from '../requests.js';
import type { EntryRow } from '../rows.js';
import type { Tables } from '../tables/tables.js';
import { type LocatedPath, locatePath } from './located-path.js';
import type { LockJudge } from './lock-judge.js';

export function judgeConditions(input: {
  readonly tables: Tables;
  readonly located: LocatedPath;
  readonly conditions: Conditions | undefined;
  readonly locks: LockJudge;
}): void {
  const { conditions, located } = input;
  if (conditions === undefined) return;
  const failed = failedHeader(conditions, located.entry) ?? (ifHeaderHolds(input) ? undefined : 'If');
  if (failed !== undefined) throw new DriveError('PRECONDITION_FAILED', { details: { condition: failed } });
}

/** In the order of RFC 9110 section 13.2.2. */
function failedHeader(conditions: Conditions, entry: EntryRow | undefined): string | undefined {
  const { ifMatch, ifNoneMatch, ifUnmodifiedSince } = conditions;
  if (ifMatch !== undefined) {
    if (!matchesAny(ifMatch, entry, strongly)) return 'If-Match';
  } else if (ifUnmodifiedSince !== undefined && entry !== undefined) {
    if (seconds(entry.modified) > seconds(ifUnmodifiedSince)) return 'If-Unmodified-Since';
  }
  if (ifNoneMatch !== undefined && matchesAny(ifNoneMatch, entry, weakly)) return 'If-None-Match';
  return undefined;
}

const seconds = (time: number): number => Math.floor(time / 1000);

type Comparison = (tag: string, entry: EntryRow) => boolean;
const strongly: Comparison = (tag, entry) => entry.etag !== '' && tag === `"${entry.etag}"`;
const weakly: Comparison = (tag, entry) => strongly(tag.startsWith('W/') ? tag.slice(2) : tag, entry);

function matchesAny(tags: '*' | readonly string[], entry: EntryRow | undefined, same: Comparison): boolean {
  if (entry === undefined) return false;
  return tags === '*' || tags.some((tag) => same(tag, entry));
}

function ifHeaderHolds(input: Parameters<typeof judgeConditions>[0]): boolean {
  const lists = input.conditions?.ifLists;
  if (lists === undefined || lists.length === 0) return true;
  return lists.some((list) => listHolds(list, input));
}

function listHolds(list: IfList, { tables, located, locks }: Parameters<typeof judgeConditions>[0]): boolean {
  const resource = list.resource === 'request' ? located : locatedOrNone(tables, list.resource);
  const tokens = resource === undefined ? [] : locks.covering(resource).map((lock) => lock.token);
  const entry = resource?.entry;
  return list.conditions.every(({ not, kind, value }) => {
    const holds = kind === 'token' ? tokens.includes(value) : entry !== undefined && strongly(value, entry);
    return holds !== not;
  });
}

/** A resource that is not on this volume has no state that could match (section 10.4.5). */
function locatedOrNone(tables: Tables, path: EntryPath | null): LocatedPath | undefined {
  return path === null ? undefined : locatePath(tables, path);
}
