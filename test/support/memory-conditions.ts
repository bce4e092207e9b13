/** Judging conditions and DAV locks for the in-memory volume: RFC 4918 sections 7 and 10.4, RFC 9110 section 13. */
import { DriveError } from '../../src/core/errors.js';
import type { Conditions, EntryPath, LockRow } from '../../src/volume/volume.js';

export interface ResourceState {
  /** With quotes; undefined when nothing is there, '' for a folder. */
  readonly tag: string | undefined;
  readonly modified: number;
  readonly tokens: readonly string[];
}

export type StateOf = (path: EntryPath) => ResourceState;

/** Throws PRECONDITION_FAILED unless all of `conditions` hold for `path`. */
export function judge(conditions: Conditions | undefined, path: EntryPath, stateOf: StateOf): void {
  if (!conditions) return;
  const { tag, modified } = stateOf(path);
  const { ifMatch, ifNoneMatch, ifUnmodifiedSince, ifLists } = conditions;
  if (ifMatch !== undefined && !matches(ifMatch, tag)) fail('If-Match');
  if (ifMatch === undefined && ifUnmodifiedSince !== undefined && tag !== undefined) {
    if (Math.floor(modified / 1000) > Math.floor(ifUnmodifiedSince / 1000)) fail('If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, tag)) fail('If-None-Match');
  if (ifLists && !ifLists.some((list) => listHolds(list, path, stateOf))) fail('If');
}

function listHolds(list: NonNullable<Conditions['ifLists']>[number], path: EntryPath, stateOf: StateOf): boolean {
  const resource = list.resource === 'request' ? path : list.resource;
  const state = resource === null ? undefined : stateOf(resource);
  return list.conditions.every(({ not, kind, value }) => {
    const holds = kind === 'token' ? state?.tokens.includes(value) === true : state?.tag === value;
    return holds !== not;
  });
}

function matches(list: '*' | readonly string[], tag: string | undefined): boolean {
  return tag !== undefined && (list === '*' || list.includes(tag));
}

function fail(condition: string): never {
  throw new DriveError('PRECONDITION_FAILED', { details: { condition } });
}

/** Throws LOCKED unless the token of every exclusive lock (one of several shared ones) among `locks` was submitted. */
export function requireTokens(locks: readonly LockRow[], conditions: Conditions | undefined): void {
  const submitted = new Set<string>();
  for (const list of conditions?.ifLists ?? []) {
    for (const { not, kind, value } of list.conditions) if (!not && kind === 'token') submitted.add(value);
  }
  const roots = new Map<string, LockRow[]>();
  for (const lock of locks) {
    const key = lock.path.join('/');
    roots.set(key, [...(roots.get(key) ?? []), lock]);
  }
  const closed = [...roots.values()].filter((group) => !group.some(({ token }) => submitted.has(token)));
  if (closed.length > 0) throw new DriveError('LOCKED', { details: { lockRoots: closed.map(([lock]) => lock!.path) } });
}
