/**
 * Opening a connection to the index: the pragmas that decide about durability and damage are set on each connection and
 * read back, because a build's defaults may differ (better-sqlite3 makes synchronous NORMAL on every reopening).
 */
import { DriveError } from '../../core/errors.js';
import { Database } from './binding.js';
import { registerRowSums } from './row-sums.js';

export type Connection = InstanceType<typeof Database>;
export type Durability = 'off' | 'normal' | 'full';

/** Versions 3.7.0 to 3.51.2 can damage a WAL that two connections use ("WAL-reset" bug). */
const oldestSqlite = [3, 51, 3] as const;
/** The writer is alone; only a checkpoint that meets a reader's first read ever waits. */
export const busyTimeoutMs = 5_000;
const levels: Readonly<Record<Durability, number>> = { off: 0, normal: 1, full: 2 };

export function openConnection(options: {
  readonly file: string;
  readonly role: 'writer' | 'reader';
  readonly durability: Durability;
  /** Of the pages in memory at most. Default: the binding's, 16 MiB. */
  readonly cacheBytes?: number | undefined;
}): Connection {
  const readonly = options.role === 'reader';
  const connection = connect(options.file, readonly);
  try {
    refuseOldSqlite(connection);
    setAndVerify(connection, 'journal_mode', 'wal', !readonly);
    setDurability(connection, options.durability);
    if (options.cacheBytes !== undefined) connection.pragma(`cache_size = -${options.cacheBytes / 1024}`);
    setAndVerify(connection, 'mmap_size', 0); // Mapped pages turn a failed read into a SIGBUS.
    setAndVerify(connection, 'cell_size_check', 1);
    setAndVerify(connection, 'trusted_schema', 0);
    setAndVerify(connection, 'foreign_keys', 0); // None are declared; `check` tests references.
    setAndVerify(connection, 'recursive_triggers', 1); // A row that REPLACE removes is counted, too.
    setAndVerify(connection, 'temp_store', 2); // Views and triggers only: no file for them.
    setAndVerify(connection, 'wal_autocheckpoint', 0); // The writer does it after its answer, not inside a commit.
    registerRowSums(connection);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function connect(file: string, readonly: boolean): Connection {
  try {
    return new Database(file, { readonly, fileMustExist: readonly, timeout: busyTimeoutMs });
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    // The binding says this, and only this, about a folder that is not there.
    throw new DriveError('UNAVAILABLE', { message: `the folder of the index is not there: ${file}`, cause });
  }
}

/** Not inside a transaction: SQLite would ignore it. */
export function setDurability(connection: Connection, durability: Durability): void {
  setAndVerify(connection, 'synchronous', levels[durability]);
}

function setAndVerify(connection: Connection, pragma: string, value: string | number, set = true): void {
  if (set) connection.pragma(`${pragma} = ${value}`);
  const actual = connection.pragma(pragma, { simple: true });
  // A build without memory mapping answers mmap_size with nothing, which is what is wanted.
  if (actual === value || (pragma === 'mmap_size' && actual === undefined)) return;
  throw new DriveError('UNAVAILABLE', {
    message: `the index cannot be used: SQLite reports ${pragma} = ${String(actual)} instead of ${value}`,
    hint: 'keep the volume directory on a local file system',
  });
}

function refuseOldSqlite(connection: Connection): void {
  const text = connection.prepare('SELECT sqlite_version()').pluck().get() as string;
  const version = text.split('.').map(Number);
  const order = oldestSqlite.map((part, index) => Math.sign((version[index] ?? 0) - part)).find((sign) => sign !== 0);
  if (order === -1) {
    throw new DriveError('UNAVAILABLE', {
      message: `SQLite ${text} is too old: ${oldestSqlite.join('.')} or newer is needed`,
      hint: 'install the dependencies of this version again (npm ci)',
    });
  }
}
