/**
 * The index's tables. All of it can be made again from the nodes, so there are no migrations: another version is rebuilt.
 * Tables end in `_row` and are read through views (row-sums.ts).
 * What a client asks for by name lies in two trees (`_twin`): where they differ, a row was lost to damage.
 * Rows are narrow and keyed by what is asked for: a listing is one range scan of `entry`, a look-up one descent.
 * Chunk ids and digests are blobs; kinds and states are small numbers, named in the table classes.
 */
import { damagedIndex } from '../meta-store.js';
import { Database } from './binding.js';
import type { Connection } from './connection.js';
import { guardRows } from './row-sums.js';

/** "HFIX": tells `file` and us what this database is. */
const applicationId = 0x48464958;

/** Another one is made anew from the nodes, not changed. */
const version = 4;

/**
 * A collation means nothing to numbers, but SQLite copies no constant from `kind = 0` into the condition of a view when
 * the column has another one than BINARY: with the constant in its place, rows that are only not wanted would seem damaged.
 */
const withCollations = (tables: string) => tables.replaceAll(/INTEGER(?! PRIMARY KEY)/g, 'INTEGER COLLATE RTRIM');

const schema = withCollations(`
  CREATE TABLE counters_row (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    files INTEGER NOT NULL, folders INTEGER NOT NULL, logical_bytes INTEGER NOT NULL,
    segments INTEGER NOT NULL, live_bytes INTEGER NOT NULL, stored_bytes INTEGER NOT NULL,
    highest_entry INTEGER NOT NULL, highest_content INTEGER NOT NULL,
    row_totals TEXT NOT NULL, row_sum INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE volume_row (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL, name TEXT NOT NULL, replicas INTEGER NOT NULL, created INTEGER NOT NULL,
    row_sum INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE tip_row (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    sequence INTEGER NOT NULL, hash TEXT NOT NULL, epoch TEXT NOT NULL, row_sum INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE journal_row (
    sequence INTEGER PRIMARY KEY, epoch TEXT NOT NULL, hash TEXT NOT NULL, bytes BLOB NOT NULL,
    row_sum INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE journaled_row (node TEXT PRIMARY KEY, sequence INTEGER NOT NULL,
    row_sum INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
  CREATE TABLE node_row (
    id TEXT PRIMARY KEY, label TEXT NOT NULL, failure_group TEXT NOT NULL, weight REAL NOT NULL,
    role TEXT NOT NULL, path TEXT NOT NULL, every INTEGER, current INTEGER, used_bytes INTEGER NOT NULL, row_sum INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE TABLE user_row (
    name TEXT PRIMARY KEY, rights TEXT NOT NULL, credentials TEXT NOT NULL, row_sum INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE TABLE epoch_row (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, parent TEXT, last_sequence INTEGER NOT NULL,
    last_hash TEXT NOT NULL, members TEXT NOT NULL, time INTEGER NOT NULL, supersedes TEXT,
    row_sum INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE segment_row (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, sealed INTEGER NOT NULL,
    length INTEGER NOT NULL, hash TEXT, live_bytes INTEGER NOT NULL, good INTEGER NOT NULL, bad INTEGER NOT NULL,
    spare INTEGER NOT NULL, wanted INTEGER,
    row_sum INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX segment_wanted ON segment_row (wanted) WHERE wanted IS NOT NULL;
  CREATE INDEX segment_good ON segment_row (good);
  CREATE INDEX segment_bad ON segment_row (bad) WHERE bad > 0;
  CREATE TABLE replica_row (
    segment INTEGER NOT NULL, node TEXT NOT NULL, state INTEGER NOT NULL, proven INTEGER NOT NULL,
    row_sum INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (segment, node)
  ) WITHOUT ROWID;
  CREATE INDEX replica_node ON replica_row (node);
  CREATE INDEX replica_proven ON replica_row (proven);
  CREATE TABLE chunk_row (
    id BLOB PRIMARY KEY, segment INTEGER, offset INTEGER, record_bytes INTEGER,
    plain_bytes INTEGER NOT NULL, refs INTEGER NOT NULL, row_sum INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX chunk_place ON chunk_row (segment, offset) WHERE segment IS NOT NULL;
  CREATE INDEX chunk_without_place ON chunk_row (id) WHERE segment IS NULL;
  CREATE TABLE content_row (
    id INTEGER PRIMARY KEY, size INTEGER NOT NULL, count INTEGER NOT NULL,
    checksum TEXT, refs INTEGER NOT NULL, row_sum INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX content_without_entry ON content_row (id) WHERE refs = 0;
  CREATE TABLE page_row (
    content INTEGER NOT NULL, number INTEGER NOT NULL, digest BLOB NOT NULL, chunks BLOB NOT NULL,
    row_sum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (content, number)
  ) WITHOUT ROWID;
  CREATE TABLE entry_row (
    parent INTEGER NOT NULL, key TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL,
    content INTEGER, size INTEGER NOT NULL, etag TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL,
    born INTEGER NOT NULL, has_properties INTEGER NOT NULL, row_sum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (parent, key)
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX entry_id ON entry_row (id);
  CREATE INDEX entry_twin ON entry_row (parent, key);
  CREATE TABLE past_row (
    id INTEGER NOT NULL, died INTEGER NOT NULL, content INTEGER NOT NULL, parent INTEGER NOT NULL, name TEXT NOT NULL,
    kind INTEGER NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL, born INTEGER NOT NULL,
    row_sum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (id, died, content)
  ) WITHOUT ROWID;
  CREATE TABLE property_row (
    entry INTEGER NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    row_sum INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (entry, namespace, name)
  ) WITHOUT ROWID;
  CREATE INDEX property_twin ON property_row (entry, namespace, name);
  CREATE TABLE protection_row (
    entry INTEGER PRIMARY KEY, replicas INTEGER NOT NULL, row_sum INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX protection_twin ON protection_row (replicas);
  CREATE TABLE dav_lock_row (
    token TEXT PRIMARY KEY, entry INTEGER NOT NULL, scope TEXT NOT NULL, depth TEXT NOT NULL,
    owner TEXT NOT NULL, principal TEXT NOT NULL, timeout INTEGER NOT NULL, expires INTEGER NOT NULL,
    row_sum INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX dav_lock_entry ON dav_lock_row (entry);
  CREATE INDEX dav_lock_twin ON dav_lock_row (entry, scope);
  CREATE TABLE ended_token (number INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE);`);

/** Makes the tables of a new index, and guards their rows. CORRUPT when it is of another program or version. */
export function migrate(connection: Connection): void {
  if (isNew(connection)) {
    connection.transaction(() => {
      connection.exec(schema);
      connection.pragma(`application_id = ${applicationId}`);
      connection.pragma(`user_version = ${version}`);
      guardRows(connection, 'writes');
      connection.exec(`INSERT INTO counters_row VALUES (1, 0, 0, 0, 0, 0, 0, 1, 0, row_totals(), 0)`);
    })();
  }
  if (schemaOf(connection) !== expectedSchema()) throw damagedIndex('its tables are not those of this version');
  guardRows(connection, 'writes');
}

let expected: string | undefined;

function expectedSchema(): string {
  if (expected === undefined) {
    const connection = new Database(':memory:');
    connection.exec(schema);
    expected = schemaOf(connection);
    connection.close();
  }
  return expected;
}

function schemaOf(connection: Connection): string {
  // As one text: every opening asks.
  const query = "SELECT group_concat(sql, ';\n' ORDER BY name) FROM main.sqlite_schema";
  return connection.prepare<[], string | null>(query).pluck().get() ?? '';
}

function isNew(connection: Connection): boolean {
  const found = connection.pragma('user_version', { simple: true }) as number;
  const owner = connection.pragma('application_id', { simple: true }) as number;
  const tables = connection.prepare('SELECT count(*) FROM main.sqlite_schema').pluck().get() as number;
  if (tables === 0 && found === 0 && owner === 0) return true;
  if (owner !== applicationId) throw damagedIndex('the file is not the index of a holdfast volume');
  if (found !== version) throw damagedIndex(`it has schema version ${found}, this program makes ${version}`);
  return false;
}
