/**
 * What tells a damaged row from a good one: SQLite notices few single flipped bits of its file. Each row bears a CRC-32
 * of its values, and `counters` bears, for each table, how many rows there are and the sum of their CRCs.
 *
 * Rows lie in tables `<name>_row`, which statements that change them name. Whoever reads says `<name>`: a temporary view,
 * of which no row comes out that does not match its CRC (CORRUPT). Temporary triggers make the CRCs, and no row is
 * changed or removed that does not match. So no statement can forget it. Statements that run for every file bring the CRC
 * themselves (SumWriter): a trigger writes its row a second time, after a call out of SQLite. (A text that is compared for equality and is not
 * in an index is written `+column`; why, schema.ts tells.) A row that is *missing*, or is an old one, does
 * not show in single reads; the totals tell, where a whole table is read.
 */
import { crc32 } from 'node:zlib';
import { damagedIndex } from '../meta-store.js';
import { storedSurrogate } from './binding.js';
import type { Connection } from './connection.js';

/** Their rows are counted and summed up. The positions mean something within one connection only. */
const summedTables = [
  'entry',
  'past',
  'property',
  'protection',
  'dav_lock',
  'content',
  'page',
  'chunk',
  'segment',
  'replica',
  'node',
  'user',
  'epoch',
  'volume',
  'tip',
  'journal',
  'journaled',
] as const;
/** Rows come to these by SumWriter alone, no trigger sees it: one written without its sum is refused by every reader. */
const withOwnSum: ReadonlySet<string> = new Set(['entry', 'content', 'page', 'chunk', 'journal']);
/** Bears the totals itself. */
const guardedTables = [...summedTables, 'counters'] as const;
export type SummedTable = (typeof summedTables)[number];

export type Value = number | bigint | string | Buffer | null;

/** A sum, a CRC and one modulus more are still an exact number. */
const modulus = 2 ** 51;

/** The sum of a table's CRCs after one more row, or one less. Exact, so that the order of the rows does not matter. */
export function addToSum(total: number, sum: number, rows: 1 | -1): number {
  return (total + rows * sum + modulus) % modulus;
}

/** Rows and sums of each table, as flat as they are stored. */
class TableSums {
  readonly #numbers: number[] = Array.from({ length: summedTables.length * 2 }, () => 0);

  add(table: number, sum: number, rows: 1 | -1): void {
    if (table >= summedTables.length) return;
    this.#numbers[2 * table]! += rows;
    this.#numbers[2 * table + 1] = addToSum(this.#numbers[2 * table + 1]!, sum, rows);
  }

  toString(): string {
    return JSON.stringify(
      Object.fromEntries(summedTables.map((name, at) => [name, this.#numbers.slice(2 * at, 2 * at + 2)])),
    );
  }

  set(text: string): void {
    const stored = JSON.parse(text) as Record<string, [number, number]>;
    summedTables.forEach((name, at) => {
      const [rows, sum] = stored[name] ?? [0, 0];
      this.#numbers[2 * at] = rows;
      this.#numbers[2 * at + 1] = sum;
    });
  }
}

const writtenOn = new WeakMap<Connection, TableSums>();

/**
 * For statements on one table that set `row_sum` themselves; the triggers leave such rows alone. Values are those of all
 * columns, in the table's order, as SQLite gives them back.
 */
export class SumWriter {
  readonly #table: number;
  readonly #written: TableSums;

  constructor(connection: Connection, table: SummedTable) {
    this.#table = summedTables.indexOf(table);
    this.#written = writtenOn.get(connection)!;
  }

  added(sum: number): void {
    this.#written.add(this.#table, sum, 1);
  }

  /** CORRUPT when the row as it was read does not match its sum. */
  demandIntact(sum: number, values: readonly Value[]): void {
    verified(this.#table, sum, values.map(asShown));
  }

  /** A row was updated, and its sum with it. Equal sums: the trigger did it. */
  replaced(before: number, after: number): void {
    if (before === after) return;
    this.#written.add(this.#table, before, -1);
    this.#written.add(this.#table, after, 1);
  }
}

/** `sumOf` the values as the triggers would give them to it: lone surrogates come back changed, and `quote` shows bytes. */
export function sumAsStored(values: readonly Value[]): number {
  let text = '';
  for (const value of values) text += summed(asShown(value));
  return loneSurrogate.test(text) ? sumOf(values.map((value) => asStored(asShown(value)))) : crc32(text);
}

const loneSurrogate = /\p{Surrogate}/u;
const loneSurrogates = /\p{Surrogate}/gu;

const asStored = (value: Value): Value =>
  typeof value === 'string' ? value.replaceAll(loneSurrogates, storedSurrogate) : value;

const asShown = (value: Value): Exclude<Value, Buffer> =>
  Buffer.isBuffer(value) ? `X'${value.toString('hex').toUpperCase()}'` : value;

/**
 * The functions that triggers and views call, and with them this connection's own totals: `row_totals()` of what was
 * written (changes taken back included: the writer sets them), `rows_seen()` of what was read since it was last asked.
 */
export function registerRowSums(connection: Connection): void {
  const written = new TableSums();
  writtenOn.set(connection, written);
  let seen = new TableSums();
  const define = (name: string, work: (...parameters: never[]) => Value) =>
    connection.function(name, { varargs: true }, work as (...parameters: unknown[]) => unknown);
  define('row_added', (table: number, ...values: Value[]) => {
    const sum = sumOf(values);
    written.add(table, sum, 1);
    return sum;
  });
  define('row_removed', (table: number, sum: number, ...values: Value[]) => {
    written.add(table, verified(table, sum, values), -1);
    return null;
  });
  define('row_intact', (table: number, sum: number, ...values: Value[]) => {
    seen.add(table, verified(table, sum, values), 1);
    return 1;
  });
  define('row_totals', () => written.toString());
  define('set_row_totals', (text: string) => {
    written.set(text);
    return null;
  });
  define('rows_seen', () => {
    const text = seen.toString();
    seen = new TableSums();
    return text;
  });
}

function verified(table: number, sum: number, values: readonly Value[], count = values.length): number {
  if (sumOf(values, count) !== sum) throw damagedIndex(`a row of ${guardedTables[table]} does not match its checksum`);
  return sum;
}

/** CRC-32 of the first `count` values, each with its type and its end. */
function sumOf(values: readonly Value[], count = values.length): number {
  let text = '';
  let sum = 0;
  for (let at = 0; at < count; at += 1) {
    const value = values[at]!;
    if (Buffer.isBuffer(value)) sum = crc32(value, crc32(`${value.length};`, sum));
    else text += summed(value);
  }
  return crc32(text, sum);
}

function summed(value: Exclude<Value, Buffer>): string {
  if (value === null) return 'n,';
  return typeof value === 'string' ? `${value.length}:${value},` : `${value},`;
}

/**
 * A query for whole rows of one table, verified here: none comes out that does not match its CRC (CORRUPT). For many rows
 * at once: to a view each value goes twice, to the function that verifies it and to whoever asked.
 */
export class VerifiedRows<Row extends readonly Value[]> {
  readonly #table: number;
  readonly #query;

  /** `rest`: what follows the table's name. A row has all columns in the table's order, its sum last. */
  constructor(connection: Connection, table: SummedTable, rest: string) {
    this.#table = summedTables.indexOf(table);
    this.#query = connection.prepare<Value[], Row>(`SELECT * FROM main.${table}_row ${rest}`).raw();
  }

  all(...parameters: Value[]): Row[] {
    const rows = this.#query.all(...parameters);
    for (const row of rows) verified(this.#table, row.at(-1) as number, row, row.length - 1);
    return rows;
  }
}

/**
 * Makes the views, and for a writer the triggers. `trusting`: views that verify nothing, for the check, which has
 * verified everything before it asks its questions.
 */
export function guardRows(connection: Connection, mode: 'reads' | 'writes' | 'trusting'): void {
  const isGuarded = connection.prepare('SELECT 1 FROM temp.sqlite_schema LIMIT 1').get() !== undefined;
  if (isGuarded) return; // A connection that simulations keep open.
  const statements = guardedTables.flatMap((name, number) => {
    const table = `${name}_row`;
    const columns = connection.pragma(`table_info(${table})`) as { name: string; type: string; pk: number }[];
    const summed = columns.filter((column) => column.name !== 'row_sum');
    const values = summed.map((column) => column.name);
    // Bytes go to the function as text, which costs less than a Buffer for each; quoted, so that their type shows.
    const of = (row: string) =>
      summed.map(({ name, type }) => (type === 'BLOB' ? `quote(${row}.${name})` : `${row}.${name}`)).join(', ');
    const key = columns.filter(({ pk }) => pk > 0).map((column) => `${column.name} = NEW.${column.name}`);
    const only = mode === 'trusting' ? '' : `WHERE row_intact(${number}, row_sum, ${of(table)})`;
    const view = `CREATE TEMP VIEW ${name} AS SELECT ${values.join(', ')} FROM main.${table} ${only};`;
    if (mode !== 'writes') return [view];
    const add = `UPDATE ${table} SET row_sum = row_added(${number}, ${of('NEW')}) WHERE ${key.join(' AND ')};`;
    const remove = `SELECT row_removed(${number}, OLD.row_sum, ${of('OLD')});`;
    const trigger = (event: string, when: string, work: string) =>
      `CREATE TEMP TRIGGER ${name}_${event} AFTER ${when} BEGIN ${work} END;`;
    const updated = `UPDATE OF ${values.join(', ')} ON main.${table} WHEN NEW.row_sum = OLD.row_sum`;
    const inserted = withOwnSum.has(name) ? [] : [trigger('inserted', `INSERT ON main.${table}`, add)];
    return [
      view,
      ...inserted,
      trigger('updated', updated, `${remove} ${add}`),
      trigger('deleted', `DELETE ON main.${table}`, remove),
    ];
  });
  const work = statements.join('\n');
  connection.exec(connection.inTransaction ? work : `BEGIN; ${work} COMMIT;`);
}

/** Throws unless exactly the rows of these tables were read since `rows_seen()` was last asked, in one transaction. */
export function assertAllSeen(connection: Connection, tables: readonly SummedTable[] = summedTables): void {
  const seen = JSON.parse(connection.prepare('SELECT rows_seen()').pluck().get() as string) as Record<string, number[]>;
  const text = connection.prepare('SELECT row_totals FROM counters').pluck().get() as string | undefined;
  const noted = JSON.parse(text ?? '{}') as Record<string, number[]>;
  for (const table of tables) {
    const [rows, sum] = seen[table]!;
    if (rows === noted[table]?.[0] && sum === noted[table]?.[1]) continue;
    throw damagedIndex(`rows of ${table} are missing, or are old ones (${rows} of ${noted[table]?.[0]})`);
  }
}

/** Every row of every table. Takes seconds for a million files. */
export function verifyAllRows(connection: Connection): void {
  guardRows(connection, 'reads');
  connection.exec('BEGIN'); // One state for all tables.
  try {
    connection.prepare('SELECT rows_seen()').get();
    for (const table of summedTables) connection.prepare(`SELECT count(*) FROM ${table}`).get();
    assertAllSeen(connection);
  } finally {
    connection.exec('ROLLBACK');
  }
}
