/**
 * Files that were registered are served by connections of SQLite that stay open, all others as ever: in a process that
 * simulates, better-sqlite3 finds its native part changed. What is asked of a kept connection is answered by the real
 * SQLite; only its configuration, which stays what it was, and WAL checkpoints are not repeated.
 */
import { createRequire } from 'node:module';
import { Database, sqlitePackage } from '../../src/meta/sqlite/binding.js';

export type RealConnection = InstanceType<typeof Database>;

/** The part of better-sqlite3 that is not JavaScript, as versions 12 and 13 call it. */
interface Native {
  prepare(text: string, owner: unknown, isPragma: boolean, ...rest: unknown[]): Statement;
  exec(text: string): void;
  function(work: SqlFunction, name: string, ...rest: unknown[]): void;
  close(): void;
  readonly open: boolean;
  readonly inTransaction: boolean;
}
type Statement = Pick<ReturnType<RealConnection['prepare']>, 'pluck' | 'get' | 'all' | 'run'>;
type SqlFunction = (...parameters: unknown[]) => unknown;
type OpenNative = new (
  path: string,
  given: string,
  anonymous: boolean,
  isReadOnly: boolean,
  ...rest: unknown[]
) => Native;

const inside = createRequire(createRequire(import.meta.url).resolve(sqlitePackage));
const { cppdb } = inside('./util') as { cppdb: symbol };
const addon = nativePart();
const RealNative = addon.Database;

function nativePart(): { Database: OpenNative } {
  if (sqlitePackage === 'better-sqlite3') return inside('../build/Release/better_sqlite3.node');
  return inside('./binding').getBinding();
}

/** What opens a registered file, by its path. */
export const keptFiles = new Map<string, (isReadOnly: boolean) => KeptConnection>();

/** For the rest of this process. */
export function keepConnections(): void {
  // `new` of a function that returns an object gives that object.
  addon.Database = function open(...parameters: ConstructorParameters<OpenNative>): Native {
    const [path, , , isReadOnly] = parameters;
    return keptFiles.get(path)?.(isReadOnly) ?? new RealNative(...parameters);
  } as unknown as OpenNative;
}

/** As the engine configures its own, but nothing is ever synced. The first read makes the WAL index. */
export function openReal(path: string): RealConnection {
  const connection = new Database(path);
  connection.pragma('journal_mode = wal');
  connection.pragma('synchronous = off');
  connection.pragma('wal_autocheckpoint = 0');
  connection.pragma('user_version');
  return connection;
}

const configuration =
  /^(journal_mode|synchronous|mmap_size|cell_size_check|trusted_schema|foreign_keys|wal_autocheckpoint|busy_timeout|recursive_triggers|temp_store)( = .*)?$/;

/** Pragmas that every opening asks in the same way. */
const askedAlike: ReadonlySet<string> = new Set(['PRAGMA user_version', 'PRAGMA application_id']);

/** A connection whose statements are prepared once for all that have it one after the other. */
export class KeptConnection implements Native {
  readonly #connection: RealConnection;
  readonly #native: Native;
  readonly #statements = new Map<string, { readonly made: Statement[]; used: number; process: number }>();
  readonly #configured = new Map<string, unknown>();
  readonly #functions = new Map<string, { work: SqlFunction }>();
  readonly #tables = new Map<string, unknown[]>();
  /** Number of the process that has it. */
  #process = 0;
  #isOpen = false;
  #onClose: (() => void) | undefined;

  constructor(connection: RealConnection) {
    this.#connection = connection;
    this.#native = (connection as unknown as Record<symbol, Native>)[cppdb]!;
  }

  begin(onClose?: () => void): this {
    this.#process++;
    this.#isOpen = true;
    this.#onClose = onClose;
    return this;
  }

  get open(): boolean {
    return this.#isOpen;
  }

  get inTransaction(): boolean {
    return this.#native.inTransaction;
  }

  /** Each that asks for the same text gets one of its own: `pluck` and `raw` are states of a statement. */
  prepare(text: string, owner: unknown, isPragma: boolean, ...rest: unknown[]): Statement {
    const answered = isPragma ? this.#pragma(text.slice('PRAGMA '.length)) : undefined;
    if (answered) return answered;
    if (isPragma && !askedAlike.has(text)) return this.#native.prepare(text, owner, true, ...rest);
    let known = this.#statements.get(text);
    if (!known) {
      known = { made: [], used: 0, process: 0 };
      this.#statements.set(text, known);
    }
    if (known.process !== this.#process) known.used = 0;
    known.process = this.#process;
    const turn = known.used++;
    known.made[turn] ??= this.#native.prepare(text, owner, isPragma, ...rest);
    return known.made[turn];
  }

  exec(text: string): void {
    this.#native.exec(text);
  }

  /** Defined once, for a new definition would make all statements anew; it is the last one's work that is done. */
  function(work: SqlFunction, name: string, ...rest: unknown[]): void {
    const known = this.#functions.get(name);
    if (known) {
      known.work = work;
      return;
    }
    const kept = { work };
    this.#functions.set(name, kept);
    this.#native.function((...parameters) => kept.work(...parameters), name, ...rest);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#native.inTransaction) this.#native.exec('ROLLBACK');
    this.#onClose?.();
  }

  end(): void {
    this.#connection.close();
  }

  #pragma(text: string): Statement | undefined {
    if (text.startsWith('wal_checkpoint')) return answer({ busy: 0, log: 0, checkpointed: 0 });
    if (text.startsWith('table_info')) return this.#columns(text);
    const [, name, value] = configuration.exec(text) ?? [];
    if (name === undefined) return undefined;
    if (value === undefined)
      return answer(this.#configured.get(name) ?? this.#connection.pragma(name, { simple: true }));
    const wanted = value.slice(' = '.length);
    const isSet = String(this.#configured.get(name)) === wanted;
    // How much is synced does not matter to files that are in memory.
    if (!isSet && name !== 'synchronous') this.#connection.pragma(text);
    this.#configured.set(name, /^\d+$/.test(wanted) ? Number(wanted) : wanted);
    return answer(undefined);
  }

  /** A new index has no tables yet; those that it gets stay as they are. */
  #columns(text: string): Statement {
    const columns = this.#tables.get(text) ?? (this.#connection.pragma(text) as unknown[]);
    if (columns.length > 0) this.#tables.set(text, columns);
    return answer(undefined, columns);
  }
}

function answer(value: unknown, rows: readonly unknown[] = [value]): Statement {
  const statement = { pluck: () => statement, get: () => value, all: () => rows, run: () => value };
  return statement as unknown as Statement;
}
