/** Dead properties of entries. */

import { damagedIndex } from '../meta-store.js';
import type { EntryId } from '../operations.js';
import type { PropertyRow } from '../rows.js';
import type { Connection } from '../sqlite/connection.js';

export class PropertyTable {
  readonly #of;
  readonly #twins;
  readonly #has;
  readonly #put;
  readonly #remove;
  readonly #removeOf;
  readonly #all;

  constructor(connection: Connection) {
    this.#of = connection.prepare<[number], PropertyRow>(
      'SELECT namespace, name, value FROM property WHERE entry = ? ORDER BY namespace, name',
    );
    this.#twins = connection
      .prepare<[number], number>('SELECT count(*) FROM property_row INDEXED BY property_twin WHERE entry = ?')
      .pluck();
    this.#has = connection.prepare<[number], number>('SELECT 1 FROM property WHERE entry = ? LIMIT 1').pluck();
    this.#put = connection.prepare(
      'INSERT OR REPLACE INTO property_row (entry, namespace, name, value) VALUES (?, ?, ?, ?)',
    );
    this.#remove = connection.prepare('DELETE FROM property_row WHERE entry = ? AND namespace = ? AND name = ?');
    this.#removeOf = connection.prepare('DELETE FROM property_row WHERE entry = ?');
    this.#all = connection.prepare<[], PropertyRow & { readonly entry: EntryId }>(
      'SELECT entry, namespace, name, value FROM property ORDER BY entry, namespace, name',
    );
  }

  of(entry: EntryId): PropertyRow[] {
    const rows = this.#of.all(entry);
    if (this.#twins.get(entry) !== rows.length) throw damagedIndex(`properties of entry ${entry} are lost`);
    return rows;
  }

  has(entry: EntryId): boolean {
    return this.#has.get(entry) !== undefined;
  }

  put(entry: EntryId, property: PropertyRow): void {
    this.#put.run(entry, property.namespace, property.name, property.value);
  }

  remove(entry: EntryId, property: Omit<PropertyRow, 'value'>): void {
    this.#remove.run(entry, property.namespace, property.name);
  }

  removeOf(entry: EntryId): void {
    this.#removeOf.run(entry);
  }

  all(): IterableIterator<PropertyRow & { readonly entry: EntryId }> {
    return this.#all.iterate();
  }
}
