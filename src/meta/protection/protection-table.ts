/** Settings of folders: how many copies all that lies below shall have. Few rows, always read whole: so a lost one shows. */
import { damagedIndex } from '../meta-store.js';
import { type EntryId, rootEntry } from '../operations.js';
import type { Connection } from '../sqlite/connection.js';
import type { EntryTable } from '../tables/entry-table.js';

export class ProtectionTable {
  readonly #entries: EntryTable;
  readonly #all;
  readonly #twins;
  readonly #put;
  readonly #remove;

  constructor(connection: Connection, entries: EntryTable) {
    this.#entries = entries;
    this.#all = connection
      .prepare<[], [entry: EntryId, replicas: number]>('SELECT entry, replicas FROM protection ORDER BY entry')
      .raw();
    this.#twins = connection
      .prepare<[], number>('SELECT count(*) FROM protection_row INDEXED BY protection_twin WHERE replicas > 0')
      .pluck();
    this.#put = connection.prepare('INSERT OR REPLACE INTO protection_row (entry, replicas) VALUES (?, ?)');
    this.#remove = connection.prepare('DELETE FROM protection_row WHERE entry = ?');
  }

  /** By entry; those of entries that ended and are not pruned yet are among them. */
  all(): ReadonlyMap<EntryId, number> {
    const settings = new Map(this.#all.all());
    if (settings.size !== this.#twins.get()) throw damagedIndex('the setting of a folder is lost');
    return settings;
  }

  /** Of the folder itself or the nearest one above it that has a setting; null when none has: the volume's number counts. */
  nearest(folder: EntryId): number | null {
    const settings = this.all();
    if (settings.size === 0) return null;
    const met = new Set<EntryId>();
    for (let at: EntryId | undefined = folder; at !== undefined && !met.has(at); at = this.#entries.byId(at)?.parent) {
      const replicas = settings.get(at);
      if (replicas !== undefined) return replicas;
      if (at === rootEntry) return null;
      met.add(at); // A ring is damage, and no reason to hang.
    }
    return null;
  }

  put(entry: EntryId, replicas: number): void {
    this.#put.run(entry, replicas);
  }

  remove(entry: EntryId): void {
    this.#remove.run(entry);
  }
}
