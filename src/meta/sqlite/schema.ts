/**
 * The index's tables. All of it can be made again from the nodes, so a migration may also be "rebuild".
 * Rows are narrow and keyed by what is asked for: a listing is one range scan of `entry`, a look-up one descent.
 * Chunk ids and digests are blobs; kinds and states are small numbers, named in the table classes.
 */
import { DriveError } from '../../core/errors.js';
import type { Connection } from './connection.js';

/** "HFIX": tells `file` and us what this database is. */
const applicationId = 0x48464958;

/** Numbered from 1; each runs in a transaction of its own together with the new `user_version`. */
const migrations: readonly string[] = [
  `
  CREATE TABLE counters (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    files INTEGER NOT NULL, folders INTEGER NOT NULL, logical_bytes INTEGER NOT NULL,
    segments INTEGER NOT NULL, live_bytes INTEGER NOT NULL, stored_bytes INTEGER NOT NULL,
    highest_entry INTEGER NOT NULL, highest_content INTEGER NOT NULL
  );
  INSERT INTO counters VALUES (1, 0, 0, 0, 0, 0, 0, 1, 0);
  CREATE TABLE volume (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id TEXT NOT NULL, name TEXT NOT NULL, replicas INTEGER NOT NULL, created INTEGER NOT NULL
  );
  CREATE TABLE tip (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    sequence INTEGER NOT NULL, hash TEXT NOT NULL, epoch TEXT NOT NULL
  );
  CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY, epoch TEXT NOT NULL, hash TEXT NOT NULL, bytes BLOB NOT NULL
  );
  CREATE TABLE journaled (node TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE node (
    id TEXT PRIMARY KEY, label TEXT NOT NULL, failure_group TEXT NOT NULL, weight REAL NOT NULL,
    role TEXT NOT NULL, path TEXT NOT NULL, used_bytes INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE epoch (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, parent TEXT, last_sequence INTEGER NOT NULL,
    last_hash TEXT NOT NULL, members TEXT NOT NULL, time INTEGER NOT NULL, supersedes TEXT
  );
  CREATE TABLE segment (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, sealed INTEGER NOT NULL,
    length INTEGER NOT NULL, hash TEXT, live_bytes INTEGER NOT NULL, good INTEGER NOT NULL, bad INTEGER NOT NULL
  );
  CREATE INDEX segment_good ON segment (good);
  CREATE INDEX segment_bad ON segment (bad) WHERE bad > 0;
  CREATE TABLE replica (
    segment INTEGER NOT NULL, node TEXT NOT NULL, state INTEGER NOT NULL, PRIMARY KEY (segment, node)
  ) WITHOUT ROWID;
  CREATE INDEX replica_node ON replica (node);
  CREATE TABLE chunk (
    id BLOB PRIMARY KEY, segment INTEGER, offset INTEGER, record_bytes INTEGER,
    plain_bytes INTEGER NOT NULL, refs INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX chunk_place ON chunk (segment, offset) WHERE segment IS NOT NULL;
  CREATE INDEX chunk_without_place ON chunk (id) WHERE segment IS NULL;
  CREATE TABLE content (
    id INTEGER PRIMARY KEY, size INTEGER NOT NULL, count INTEGER NOT NULL,
    checksum TEXT, refs INTEGER NOT NULL
  );
  CREATE INDEX content_without_entry ON content (id) WHERE refs = 0;
  CREATE TABLE page (
    content INTEGER NOT NULL, number INTEGER NOT NULL, digest BLOB NOT NULL, chunks BLOB NOT NULL,
    PRIMARY KEY (content, number)
  ) WITHOUT ROWID;
  CREATE TABLE entry (
    parent INTEGER NOT NULL, key TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL,
    content INTEGER, size INTEGER NOT NULL, etag TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL,
    born INTEGER NOT NULL, has_properties INTEGER NOT NULL,
    PRIMARY KEY (parent, key)
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX entry_id ON entry (id);
  CREATE TABLE past (
    id INTEGER NOT NULL, died INTEGER NOT NULL, content INTEGER NOT NULL, parent INTEGER NOT NULL, name TEXT NOT NULL,
    kind INTEGER NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL, born INTEGER NOT NULL,
    PRIMARY KEY (id, died, content)
  ) WITHOUT ROWID;
  CREATE TABLE property (
    entry INTEGER NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (entry, namespace, name)
  ) WITHOUT ROWID;
  CREATE TABLE dav_lock (
    token TEXT PRIMARY KEY, entry INTEGER NOT NULL, scope TEXT NOT NULL, depth TEXT NOT NULL,
    owner TEXT NOT NULL, principal TEXT NOT NULL, timeout INTEGER NOT NULL, expires INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX dav_lock_entry ON dav_lock (entry);
  CREATE TABLE ended_token (number INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE);
  `,
];

/** Brings the schema to this version. NEWER_FORMAT; CORRUPT when this is some other program's database. */
export function migrate(connection: Connection): void {
  const version = versionOf(connection);
  for (let next = version + 1; next <= migrations.length; next += 1) {
    connection.transaction(() => {
      connection.exec(migrations[next - 1]!);
      connection.pragma(`application_id = ${applicationId}`);
      connection.pragma(`user_version = ${next}`);
    })();
  }
}

function versionOf(connection: Connection): number {
  const version = connection.pragma('user_version', { simple: true }) as number;
  const owner = connection.pragma('application_id', { simple: true }) as number;
  const tables = connection.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number;
  const isNew = tables === 0 && version === 0 && owner === 0;
  if (!isNew && owner !== applicationId) {
    throw new DriveError('CORRUPT', { message: 'the file is not the index of a holdfast volume' });
  }
  if (version > migrations.length) {
    throw new DriveError('NEWER_FORMAT', {
      message: `the index has schema version ${version}, this program knows ${migrations.length}`,
      hint: 'use a newer version of holdfast, or move index.db aside and run rebuild',
    });
  }
  return version;
}
