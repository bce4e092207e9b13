/** Ended rows: what was deleted or replaced and is not pruned yet. Size and ETag follow from the content. */
import type { ContentId, EntryId } from '../operations.js';
import type { Connection } from '../sqlite/connection.js';

export interface PastRow {
  readonly id: EntryId;
  readonly parent: EntryId;
  readonly name: string;
  readonly kind: 'file' | 'folder';
  readonly content: ContentId | null;
  readonly created: number;
  readonly modified: number;
  readonly born: number;
  readonly died: number;
}

const columns = 'id, parent, name, kind, content, created, modified, born, died';
type Raw = [number, number, string, number, number, number, number, number, number];

export class PastTable {
  readonly #insert;
  readonly #of;
  readonly #removeOf;
  readonly #endedBefore;
  readonly #any;
  readonly #all;

  constructor(connection: Connection) {
    this.#insert = connection.prepare(`INSERT INTO past_row (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#of = connection
      .prepare<[number, number], Raw>(`SELECT ${columns} FROM past WHERE id = ? AND died <= ?`)
      .raw();
    this.#removeOf = connection.prepare('DELETE FROM past_row WHERE id = ? AND died <= ?');
    this.#endedBefore = connection
      .prepare<[number, number], Raw>(`SELECT ${columns} FROM past WHERE died <= ? ORDER BY id, died, content LIMIT ?`)
      .raw();
    this.#any = connection.prepare<[], number>('SELECT 1 FROM past LIMIT 1').pluck();
    this.#all = connection.prepare<[], Raw>(`SELECT ${columns} FROM past ORDER BY id, died, content`).raw();
  }

  insert(row: PastRow): void {
    const kind = row.kind === 'folder' ? 1 : 0;
    const { id, parent, name, content, created, modified, born, died } = row;
    this.#insert.run(id, parent, name, kind, content ?? 0, created, modified, born, died);
  }

  /** Rows of one entry that ended at or before `before`. */
  of(id: EntryId, before: number): PastRow[] {
    return this.#of.all(id, before).map(toRow);
  }

  removeOf(id: EntryId, before: number): void {
    this.#removeOf.run(id, before);
  }

  /** Rows of any entry that ended at or before `before`, by id. */
  endedBefore(before: number, limit: number): PastRow[] {
    return this.#endedBefore.all(before, limit).map(toRow);
  }

  isEmpty(): boolean {
    return this.#any.get() === undefined;
  }

  *all(): Generator<PastRow> {
    for (const raw of this.#all.iterate()) yield toRow(raw);
  }
}

function toRow(raw: Raw): PastRow {
  const [id, parent, name, kind, content, created, modified, born, died] = raw;
  return {
    id,
    parent,
    name,
    kind: kind === 1 ? 'folder' : 'file',
    content: content === 0 ? null : content,
    created,
    modified,
    born,
    died,
  };
}
