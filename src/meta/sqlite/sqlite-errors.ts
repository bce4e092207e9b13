/** Errors of SQLite become DriveErrors where they enter. */
import { DriveError, type ErrorCode } from '../../core/errors.js';
import { damagedIndex } from '../meta-store.js';
import { Database } from './binding.js';

/** By SQLite's primary result code; the extended code stays in `details.sqlite`. */
const codes: Readonly<Record<string, ErrorCode>> = {
  SQLITE_CORRUPT: 'CORRUPT',
  SQLITE_NOTADB: 'CORRUPT',
  SQLITE_FULL: 'OUT_OF_SPACE',
  SQLITE_BUSY: 'IN_USE',
  SQLITE_LOCKED: 'IN_USE',
  SQLITE_READONLY: 'READ_ONLY',
  SQLITE_IOERR: 'UNAVAILABLE',
  SQLITE_CANTOPEN: 'UNAVAILABLE',
  SQLITE_NOMEM: 'UNAVAILABLE',
};

const hints: Readonly<Partial<Record<ErrorCode, string>>> = {
  OUT_OF_SPACE: "make room on the disk of the volume's directory",
  READ_ONLY: "see that this program may write in the volume's directory, and that its disk is not mounted read-only",
  UNAVAILABLE: "look at the disk of the volume's directory",
};

export function translateSqliteError(error: unknown): DriveError {
  if (error instanceof DriveError) return error;
  if (!(error instanceof Database.SqliteError)) {
    const message = error instanceof Error ? error.message : String(error);
    return new DriveError('INTERNAL', { message, cause: error });
  }
  const primary = error.code.split('_').slice(0, 2).join('_');
  const code = codes[primary] ?? 'INTERNAL';
  if (code === 'CORRUPT') return damagedIndex(error.message);
  return new DriveError(code, {
    message: `index: ${error.message}`,
    details: { sqlite: error.code },
    cause: error,
    hint: hints[code],
  });
}

/** Runs `work`, translating what SQLite throws. */
export function translated<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translateSqliteError(error);
  }
}
