/**
 * The volume lock: one process per volume. A small SQLite file is held with an exclusive lock for as long as the object
 * lives; the operating system lets it go when the process ends, however it ends, so no stale lock is ever left and
 * nothing has to guess from process numbers. The file itself stays and means nothing.
 */
import { DriveError } from '../core/errors.js';
import { Database } from './sqlite/binding.js';
import type { Connection } from './sqlite/connection.js';
import { translateSqliteError } from './sqlite/sqlite-errors.js';

export interface VolumeLock {
  /** Idempotent. */
  release(): void;
}

/** IN_USE at once when another process (or another holder in this one) has it; UNAVAILABLE when it cannot be made. */
export function acquireVolumeLock(path: string): VolumeLock {
  let connection: Connection | undefined;
  try {
    connection = new Database(path, { timeout: 0 });
    connection.pragma('journal_mode = DELETE'); // A WAL would let readers in, and needs files of its own.
    connection.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    connection?.close();
    throw refused(path, error);
  }
  const held = connection;
  return { release: () => void held.close() };
}

function refused(path: string, error: unknown): DriveError {
  const cause = translateSqliteError(error);
  if (cause.code !== 'IN_USE') {
    return new DriveError('UNAVAILABLE', {
      message: `the volume lock cannot be taken: ${cause.message}`,
      details: { path },
      cause,
      hint: 'see that there is room on its disk and that this program may write there',
    });
  }
  return new DriveError('IN_USE', {
    details: { path },
    cause,
    hint: 'stop the other holdfast process (a running `holdfast serve` answers commands for this volume itself)',
  });
}
