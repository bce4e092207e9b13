/** DAV locks of clients, and the tokens of the last ones that ended (an UNLOCK that comes late is answered kindly). */

import { damagedIndex } from '../meta-store.js';
import type { EntryId } from '../operations.js';
import type { Connection } from '../sqlite/connection.js';

export interface StoredLock {
  readonly token: string;
  readonly entry: EntryId;
  readonly scope: 'exclusive' | 'shared';
  readonly depth: 0 | 'infinity';
  readonly owner: string;
  readonly principal: string;
  readonly timeoutMs: number;
  readonly expires: number;
}

type RawLock = Omit<StoredLock, 'depth'> & { readonly depth: string };

/** Enough for every client that still holds the token of a lock that ended while it was away. */
const endedTokensKept = 1_024;
const columns = 'token, entry, scope, depth, owner, principal, timeout AS timeoutMs, expires';

export class LockTable {
  readonly #get;
  readonly #ofEntry;
  readonly #twins;
  readonly #anyTwin;
  readonly #all;
  readonly #count;
  readonly #any;
  readonly #put;
  readonly #remove;
  readonly #addEnded;
  readonly #trimEnded;
  readonly #hasEnded;

  constructor(connection: Connection) {
    this.#get = connection.prepare<[string], RawLock>(`SELECT ${columns} FROM dav_lock WHERE token = ?`);
    this.#ofEntry = connection.prepare<[number], RawLock>(
      `SELECT ${columns} FROM dav_lock WHERE entry = ? ORDER BY token`,
    );
    this.#twins = connection
      .prepare<[number], number>('SELECT count(*) FROM dav_lock_row INDEXED BY dav_lock_twin WHERE entry = ?')
      .pluck();
    this.#anyTwin = connection
      .prepare<[], number>('SELECT 1 FROM dav_lock_row INDEXED BY dav_lock_twin WHERE entry > 0 LIMIT 1')
      .pluck();
    this.#all = connection.prepare<[], RawLock>(`SELECT ${columns} FROM dav_lock ORDER BY token`);
    this.#count = connection.prepare<[], number>('SELECT count(*) FROM dav_lock_row').pluck();
    this.#any = connection.prepare<[], number>('SELECT 1 FROM dav_lock LIMIT 1').pluck();
    this.#put = connection.prepare(
      `INSERT OR REPLACE INTO dav_lock_row (token, entry, scope, depth, owner, principal, timeout, expires)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#remove = connection.prepare('DELETE FROM dav_lock_row WHERE token = ?');
    this.#addEnded = connection.prepare('INSERT OR IGNORE INTO ended_token (token) VALUES (?)');
    this.#trimEnded = connection.prepare(
      `DELETE FROM ended_token WHERE number <= (SELECT max(number) FROM ended_token) - ${endedTokensKept}`,
    );
    this.#hasEnded = connection.prepare<[string], number>('SELECT 1 FROM ended_token WHERE token = ?').pluck();
  }

  get(token: string): StoredLock | undefined {
    const raw = this.#get.get(token);
    return raw && toLock(raw);
  }

  ofEntry(entry: EntryId): StoredLock[] {
    const locks = this.#ofEntry.all(entry).map(toLock);
    if (this.#twins.get(entry) !== locks.length) throw damagedIndex(`locks of entry ${entry} are lost`);
    return locks;
  }

  all(): StoredLock[] {
    return this.#all.all().map(toLock);
  }

  count(): number {
    return this.#count.get()!;
  }

  isEmpty(): boolean {
    const isEmpty = this.#any.get() === undefined;
    if (isEmpty !== (this.#anyTwin.get() === undefined)) throw damagedIndex('locks are lost');
    return isEmpty;
  }

  put(lock: StoredLock): void {
    const { token, entry, scope, depth, owner, principal, timeoutMs, expires } = lock;
    this.#put.run(token, entry, scope, String(depth), owner, principal, timeoutMs, expires);
  }

  /** Ends the lock; its token is remembered for a while. */
  end(token: string): void {
    if (this.#remove.run(token).changes === 0) return;
    this.#addEnded.run(token);
    this.#trimEnded.run();
  }

  hasEnded(token: string): boolean {
    return this.#hasEnded.get(token) !== undefined;
  }
}

function toLock(raw: RawLock): StoredLock {
  return { ...raw, depth: raw.depth === '0' ? 0 : 'infinity' };
}
