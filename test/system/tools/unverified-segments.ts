/**
 * Segments of a running drive whose copies nobody has read since a crash: sealed without a hash. Until they have one, a
 * copy that counts as good may turn out to be bad, and no status says so.
 */
import { join } from 'node:path';
import { openConnection } from '../../../src/meta/sqlite/connection.js';
import { SqliteReader } from '../../../src/meta/sqlite/sqlite-reader.js';

const mostSegments = 100_000;

export function unverifiedSegments(directory: string): string[] {
  const connection = openConnection({ file: join(directory, 'index.db'), role: 'reader', durability: 'normal' });
  try {
    return new SqliteReader(connection)
      .segments('', mostSegments)
      .filter(({ state, hash, liveBytes }) => state === 'sealed' && hash === null && liveBytes > 0)
      .map(({ id }) => id);
  } finally {
    connection.close();
  }
}
