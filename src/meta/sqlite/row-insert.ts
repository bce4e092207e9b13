/** An INSERT that brings its row's sum (row-sums.ts), for tables that get a row with every file. */
import type { Connection } from './connection.js';
import { type SummedTable, SumWriter, sumAsStored, type Value } from './row-sums.js';

export interface RowInsertOptions {
  /** What stands before INTO. */
  readonly or?: 'OR REPLACE';
  /** What stands behind the values. */
  readonly onConflict?: string;
}

export class RowInsert {
  readonly #sums: SumWriter;
  readonly #insert;

  constructor(connection: Connection, table: SummedTable, { or, onConflict = '' }: RowInsertOptions = {}) {
    this.#sums = new SumWriter(connection, table);
    const columns = (connection.pragma(`table_info(${table}_row)`) as { name: string }[]).map(({ name }) => name);
    const places = columns.map(() => '?').join(', ');
    this.#insert = connection.prepare<[Value[]]>(
      `INSERT ${or ?? ''} INTO ${table}_row (${columns.join(', ')}) VALUES (${places}) ${onConflict}`,
    );
  }

  /** Values of all columns but the sum, in the table's order. False when there was a row already and nothing was done. */
  run(...values: Value[]): boolean {
    const sum = sumAsStored(values);
    values.push(sum);
    if (this.#insert.run(values).changes === 0) return false;
    this.#sums.added(sum);
    return true;
  }
}
