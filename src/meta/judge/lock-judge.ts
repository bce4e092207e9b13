/**
 * Which DAV locks stand in the way of a request (RFC 4918 sections 6 and 7). A DAV lock covers its own entry, and with
 * depth infinity all that is or comes to be below it. A depth 0 lock on a folder also protects which members it has.
 * The token of an exclusive lock must be submitted; of several shared ones on a resource, one is enough. Only the
 * principal who made a lock can use its token. Locks past their time do not count: their end is added to the request.
 */
import { DriveError } from '../../core/errors.js';
import type { EntryId, Operation } from '../operations.js';
import type { Conditions } from '../requests.js';
import type { StoredLock } from '../tables/lock-table.js';
import type { Tables } from '../tables/tables.js';
import { type LocatedPath, parentPath } from './located-path.js';

export class LockJudge {
  readonly #tables: Tables;
  readonly #now: number;
  readonly #principal: string;
  readonly #submitted: ReadonlySet<string>;
  readonly #noLocks: boolean;
  readonly #ended = new Map<string, Operation>();

  constructor(
    tables: Tables,
    request: { readonly now: number; readonly principal: string; readonly conditions?: Conditions | undefined },
  ) {
    this.#tables = tables;
    this.#now = request.now;
    this.#principal = request.principal;
    this.#submitted = submittedTokens(request.conditions);
    this.#noLocks = tables.locks.isEmpty();
  }

  /** 'unlock' operations of all locks that were met past their time or given to `end`. */
  get endings(): Operation[] {
    return [...this.#ended.values()];
  }

  end(locks: readonly StoredLock[]): void {
    for (const { token } of locks) this.#ended.set(token, { o: 'unlock', token });
  }

  /** Living locks that cover what the path names, or would name. */
  covering({ chain, entry }: LocatedPath): StoredLock[] {
    if (this.#noLocks) return [];
    return chain.flatMap((row) =>
      this.#living(this.#tables.locks.ofEntry(row.id)).filter((lock) => row === entry || lock.depth === 'infinity'),
    );
  }

  /** Living locks on the entry and on anything below it. Walks up from each lock: locks are few, trees are not. */
  within(entry: EntryId): StoredLock[] {
    if (this.#noLocks) return [];
    return this.#living(this.#tables.locks.all()).filter((lock) => this.#tables.entries.isWithin(lock.entry, entry));
  }

  livingCount(): number {
    return this.#noLocks ? 0 : this.#living(this.#tables.locks.all()).length;
  }

  /** Whether the lock's token was submitted by the one who may use it. */
  isSubmitted(lock: StoredLock): boolean {
    return lock.principal === this.#principal && this.#submitted.has(lock.token);
  }

  /** Changing the content or the properties of an entry. LOCKED. */
  allowChange(located: LocatedPath): void {
    this.#require([this.covering(located)]);
  }

  /** Adding a member to the path's folder. LOCKED. */
  allowCreate(located: LocatedPath): void {
    this.#require([this.covering(parentPath(located))]);
  }

  /** Removing an entry and all below it. LOCKED. */
  allowRemove(located: LocatedPath): void {
    const below = located.entry === undefined ? [] : this.within(located.entry.id);
    const groups = new Map<EntryId, StoredLock[]>();
    for (const lock of below) groups.set(lock.entry, [...(groups.get(lock.entry) ?? []), lock]);
    this.#require([this.covering(located), this.covering(parentPath(located)), ...groups.values()]);
  }

  /** A new lock of the scope and depth on the path. LOCKED. */
  allowLock(
    located: LocatedPath,
    lock: { readonly scope: StoredLock['scope']; readonly depth: StoredLock['depth'] },
  ): void {
    const below = located.entry !== undefined && lock.depth === 'infinity' ? this.within(located.entry.id) : [];
    const conflicts = [...this.covering(located), ...below].filter(
      (other) => lock.scope === 'exclusive' || other.scope === 'exclusive',
    );
    if (conflicts.length > 0) throw this.#locked('no-conflicting-lock', conflicts);
  }

  #require(groups: readonly (readonly StoredLock[])[]): void {
    const blocking = groups.flatMap((group) => this.#blockingOf(group));
    if (blocking.length > 0) throw this.#locked('lock-token-submitted', blocking);
  }

  #blockingOf(group: readonly StoredLock[]): StoredLock[] {
    const shared = group.filter((lock) => lock.scope === 'shared');
    const exclusive = group.filter((lock) => lock.scope === 'exclusive' && !this.isSubmitted(lock));
    return shared.some((lock) => this.isSubmitted(lock)) ? exclusive : [...exclusive, ...shared];
  }

  #living(locks: readonly StoredLock[]): StoredLock[] {
    const expired = locks.filter((lock) => lock.expires <= this.#now);
    this.end(expired);
    return expired.length === 0 ? [...locks] : locks.filter((lock) => lock.expires > this.#now);
  }

  /** `condition` is the name of RFC 4918 section 16. */
  #locked(condition: 'lock-token-submitted' | 'no-conflicting-lock', locks: readonly StoredLock[]): DriveError {
    const roots = new Map<EntryId, string[]>();
    for (const lock of locks) roots.set(lock.entry, this.#tables.entries.pathOf(lock.entry) ?? []);
    return new DriveError('LOCKED', { details: { condition, lockRoots: [...roots.values()] } });
  }
}

/** Tokens of conditions without Not, in whatever list. */
function submittedTokens(conditions: Conditions | undefined): ReadonlySet<string> {
  const tokens = new Set<string>();
  for (const list of conditions?.ifLists ?? []) {
    for (const { kind, not, value } of list.conditions) if (kind === 'token' && !not) tokens.add(value);
  }
  return tokens;
}
