/** Who may use the volume. */
import { damagedIndex } from '../meta-store.js';
import type { UserRow } from '../rows.js';
import type { Connection } from '../sqlite/connection.js';

export class UserTable {
  readonly #all;
  readonly #named;
  readonly #noted;
  readonly #put;
  readonly #remove;

  constructor(connection: Connection) {
    this.#all = connection.prepare<[], UserRow>('SELECT name, rights, credentials FROM user ORDER BY name');
    this.#named = connection.prepare<[string], UserRow>('SELECT name, rights, credentials FROM user WHERE name = ?');
    this.#noted = connection.prepare<[], number>(`SELECT row_totals ->> '$.user[0]' FROM counters`).pluck();
    this.#put = connection.prepare('INSERT OR REPLACE INTO user_row (name, rights, credentials) VALUES (?, ?, ?)');
    this.#remove = connection.prepare('DELETE FROM user_row WHERE name = ?');
  }

  /** For readers: as of the last commit. */
  all(): UserRow[] {
    const rows = this.#all.all();
    if (rows.length !== this.#noted.get()) throw damagedIndex('a user is lost');
    return rows;
  }

  named(name: string): UserRow | undefined {
    return this.#named.get(name);
  }

  /** For the writer: with the changes of the open transaction. */
  count(): number {
    return this.#all.all().length;
  }

  put({ name, rights, credentials }: UserRow): void {
    this.#put.run(name, rights, credentials);
  }

  remove(name: string): void {
    this.#remove.run(name);
  }
}
