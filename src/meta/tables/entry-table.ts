/** Living entries, keyed (parent, name key) with all that a listing shows in the row. Ended rows are in past-table.ts. */

import { twins } from '../../core/text/windows-names.js';
import { damagedIndex } from '../meta-store.js';
import { nameKey } from '../name-key.js';
import type { ContentId, EntryId } from '../operations.js';
import { rootEntry, stagingEntry } from '../operations.js';
import type { EntryRow } from '../rows.js';
import type { Connection } from '../sqlite/connection.js';
import { RowInsert } from '../sqlite/row-insert.js';
import { VerifiedRows } from '../sqlite/row-sums.js';

/** As the table has them. */
type Whole = [
  parent: number,
  key: string,
  id: number,
  name: string,
  kind: number,
  content: number | null,
  size: number,
  etag: string,
  created: number,
  modified: number,
  born: number,
  hasProperties: number,
  sum: number,
];
const columns = 'id, parent, name, kind, content, size, etag, created, modified, born, has_properties';
type Raw = [number, number, string, number, number | null, number, string, number, number, number, number];

/** Deeper than any path that a client can name; a longer chain of parents is damage. */
const depthLimit = 100_000;
/** Look-ups of one search for names that are alike: enough for any real folder, some milliseconds at most. */
const alikeSeekLimit = 2_000;

export class EntryTable {
  readonly #byId;
  readonly #child;
  readonly #children;
  readonly #twin;
  readonly #twins;
  readonly #keyFrom;
  readonly #all;
  readonly #hasChildren;
  readonly #insert;
  readonly #remove;
  readonly #move;
  readonly #setContent;
  readonly #setTimes;
  readonly #touch;
  readonly #setHasProperties;
  /** Times of folders that are not written yet: of many files saved in one of them, the last one's time counts. */
  readonly #touched = new Map<EntryId, number>();

  constructor(connection: Connection) {
    this.#byId = connection.prepare<[number], Raw>(`SELECT ${columns} FROM entry WHERE id = ?`).raw();
    this.#child = connection
      .prepare<[number, string], Raw>(`SELECT ${columns} FROM entry WHERE parent = ? AND key = ?`)
      .raw();
    this.#children = new VerifiedRows<Whole>(connection, 'entry', 'WHERE parent = ? AND key > ? ORDER BY key LIMIT ?');
    this.#twin = connection
      .prepare<[number, string], number>('SELECT 1 FROM entry_row INDEXED BY entry_twin WHERE parent = ? AND key = ?')
      .pluck();
    this.#twins = connection
      .prepare<[number, string, number], string>(
        'SELECT key FROM entry_row INDEXED BY entry_twin WHERE parent = ? AND key > ? ORDER BY key LIMIT ?',
      )
      .pluck();
    this.#keyFrom = connection
      .prepare<[number, string], string>('SELECT key FROM entry WHERE parent = ? AND key >= ? ORDER BY key LIMIT 1')
      .pluck();
    this.#all = connection.prepare<[], Raw>(`SELECT ${columns} FROM entry ORDER BY parent, key`).raw();
    this.#hasChildren = connection.prepare<[number], number>('SELECT 1 FROM entry WHERE parent = ? LIMIT 1').pluck();
    this.#insert = new RowInsert(connection, 'entry');
    this.#remove = connection.prepare('DELETE FROM entry_row WHERE id = ?');
    this.#move = connection.prepare('UPDATE entry_row SET parent = ?, key = ?, name = ? WHERE id = ?');
    this.#setContent = connection.prepare(
      'UPDATE entry_row SET content = ?, size = ?, etag = ?, modified = ?, born = ? WHERE id = ?',
    );
    this.#setTimes = connection.prepare(
      'UPDATE entry_row SET created = coalesce(?, created), modified = coalesce(?, modified) WHERE id = ?',
    );
    this.#touch = connection.prepare('UPDATE entry_row SET modified = ? WHERE id = ?');
    this.#setHasProperties = connection.prepare('UPDATE entry_row SET has_properties = ? WHERE id = ?');
  }

  root(): EntryRow | undefined {
    const root = this.byId(rootEntry);
    if (root === undefined && this.child(stagingEntry, '') !== undefined) throw damagedIndex('the root has no id');
    return root;
  }

  byId(id: EntryId): EntryRow | undefined {
    this.settle();
    const raw = this.#byId.get(id);
    return raw && toRow(raw);
  }

  child(parent: EntryId, name: string): EntryRow | undefined {
    this.settle();
    const key = nameKey(name);
    const raw = this.#child.get(parent, key);
    if (raw === undefined && this.#twin.get(parent, key) !== undefined) throw damagedIndex(`entry ${name} is lost`);
    return raw && toRow(raw);
  }

  /** By name key, after `after` (exclusive; '' for the first). */
  children(parent: EntryId, after: string, limit: number): EntryRow[] {
    this.settle();
    const rows = this.#children.all(parent, after, limit);
    const twins = this.#twins.all(parent, after, limit);
    const isWhole = twins.length === rows.length && rows.every(([, key], at) => key === twins[at]);
    if (!isWhole) throw damagedIndex(`entries of folder ${parent} are lost`);
    return rows.map(fromWhole);
  }

  /**
   * The only child that Windows cannot tell from the name; undefined when there is none or more than one. Goes down
   * the keys letter by letter, so that the size of the folder does not matter.
   */
  childAlike(parent: EntryId, name: string): EntryRow | undefined {
    const letters = [...nameKey(name)];
    const found: string[] = [];
    let seeks = 0;
    const search = (prefix: string, at: number): void => {
      if (found.length > 1 || seeks >= alikeSeekLimit) return;
      seeks += 1;
      const key = this.#keyFrom.get(parent, prefix);
      if (key === undefined || !key.startsWith(prefix)) return;
      if (at < letters.length) for (const twin of twins(letters[at]!)) search(prefix + twin, at + 1);
      else if (key === prefix) found.push(key);
    };
    search('', 0);
    return found.length === 1 && seeks < alikeSeekLimit ? this.child(parent, found[0]!) : undefined;
  }

  hasChildren(parent: EntryId): boolean {
    return this.#hasChildren.get(parent) !== undefined;
  }

  /** In the order of (parent, key); the connection must not write meanwhile. */
  *all(): Generator<EntryRow> {
    this.settle();
    for (const raw of this.#all.iterate()) yield toRow(raw);
  }

  /** Names from the root down; undefined when the entry, or a folder above it, has ended. */
  pathOf(id: EntryId): string[] | undefined {
    const path: string[] = [];
    let row = this.byId(id);
    while (row !== undefined && row.id !== rootEntry && path.length < depthLimit) {
      path.push(row.name);
      row = this.byId(row.parent);
    }
    return row?.id === rootEntry ? path.reverse() : undefined;
  }

  /** Whether `id` is `ancestor` or lies below it. */
  isWithin(id: EntryId, ancestor: EntryId): boolean {
    let at: EntryId = id;
    for (let depth = 0; depth < depthLimit; depth += 1) {
      if (at === ancestor) return true;
      const row = this.byId(at);
      if (row === undefined || row.id === rootEntry) return false;
      at = row.parent;
    }
    return false;
  }

  insert(row: EntryRow): void {
    if (this.#touched.has(row.id)) this.settle(); // What was touched before is not this one.
    const kind = row.kind === 'folder' ? 1 : 0;
    this.#insert.run(
      row.parent,
      nameKey(row.name),
      row.id,
      row.name,
      kind,
      row.content,
      row.sizeBytes,
      row.etag,
      row.created,
      row.modified,
      row.born,
      row.hasProperties ? 1 : 0,
    );
  }

  remove(id: EntryId): void {
    this.settle();
    this.#remove.run(id);
  }

  move(id: EntryId, parent: EntryId, name: string): void {
    this.settle();
    this.#move.run(parent, nameKey(name), name, id);
  }

  setContent(
    id: EntryId,
    version: {
      readonly content: ContentId;
      readonly sizeBytes: number;
      readonly etag: string;
      readonly modified: number;
      readonly born: number;
    },
  ): void {
    this.settle();
    this.#setContent.run(version.content, version.sizeBytes, version.etag, version.modified, version.born, id);
  }

  /** null leaves a time as it is. */
  setTimes(id: EntryId, times: { readonly created: number | null; readonly modified: number | null }): void {
    this.settle();
    this.#setTimes.run(times.created, times.modified, id);
  }

  /** A folder's derived time; nothing happens when it has ended. */
  touch(id: EntryId, time: number): void {
    this.#touched.set(id, time);
  }

  /** Writes the times that are held back: before anything else reads the table. */
  settle(): void {
    if (this.#touched.size === 0) return;
    for (const [id, time] of this.#touched) this.#touch.run(time, id);
    this.#touched.clear();
  }

  /** After a rollback. */
  forgetHeld(): void {
    this.#touched.clear();
  }

  setHasProperties(id: EntryId, hasProperties: boolean): void {
    this.#setHasProperties.run(hasProperties ? 1 : 0, id);
  }
}

function toRow(raw: Raw): EntryRow {
  return {
    id: raw[0],
    parent: raw[1],
    name: raw[2],
    kind: raw[3] === 1 ? 'folder' : 'file',
    content: raw[4],
    sizeBytes: raw[5],
    etag: raw[6],
    created: raw[7],
    modified: raw[8],
    born: raw[9],
    hasProperties: raw[10] === 1,
  };
}

function fromWhole(row: Whole): EntryRow {
  const [parent, , id, name, kind, content, size, etag, created, modified, born, hasProperties] = row;
  return toRow([id, parent, name, kind, content, size, etag, created, modified, born, hasProperties]);
}
