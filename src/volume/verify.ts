/** A courtesy before a body is read: refuses what is bound to fail now. The writer judges again, and only that counts. */
import { DriveError } from '../core/errors.js';
import type { MetaReader } from '../meta/meta-store.js';
import type { Conditions, EntryPath } from '../meta/requests.js';
import type { EntryRow } from '../meta/rows.js';

export interface CourtesyRequest {
  readonly principal: string;
  readonly now: number;
  readonly conditions?: Conditions | undefined;
  readonly forWriting: boolean;
}

/** PARENT_MISSING, IS_FOLDER, PRECONDITION_FAILED, LOCKED. */
export function judgeRequest(reader: MetaReader, path: EntryPath, request: CourtesyRequest): void {
  const entry = reader.lookup(path);
  if (request.forWriting) {
    if (entry?.kind === 'folder') throw new DriveError('IS_FOLDER');
    if (!entry && reader.lookup(path.slice(0, -1))?.kind !== 'folder') throw new DriveError('PARENT_MISSING');
  }
  judgeEntityTags(entry, request.conditions);
  if (request.forWriting) judgeLocks(reader, path, request);
}

function judgeEntityTags(entry: EntryRow | undefined, conditions: Conditions | undefined): void {
  const holds = (tags: '*' | readonly string[]): boolean =>
    entry !== undefined && (tags === '*' || tags.includes(`"${entry.etag}"`));
  const { ifMatch, ifNoneMatch, ifUnmodifiedSince } = conditions ?? {};
  const failed =
    (ifMatch !== undefined && !holds(ifMatch)) ||
    (ifNoneMatch !== undefined && holds(ifNoneMatch)) ||
    (ifUnmodifiedSince !== undefined &&
      entry !== undefined &&
      Math.floor(entry.modified / 1000) > Math.floor(ifUnmodifiedSince / 1000));
  if (failed) throw new DriveError('PRECONDITION_FAILED');
}

function judgeLocks(reader: MetaReader, path: EntryPath, { conditions, now }: CourtesyRequest): void {
  const submitted = new Set<string>();
  for (const list of conditions?.ifLists ?? []) {
    for (const condition of list.conditions)
      if (condition.kind === 'token' && !condition.not) submitted.add(condition.value);
  }
  const locks = reader.locksCovering(path, now);
  if (locks.length === 0 || locks.some((lock) => submitted.has(lock.token))) return;
  throw new DriveError('LOCKED', { details: { lockRoots: locks.map((lock) => lock.path) } });
}
