/**
 * The index's state written as operations in key order, as `loadCheckpoint` reads it back. Ended rows that are not
 * pruned yet are part of the state, and so are contents still being recorded. Places, replica states and tokens of
 * locks that ended are not: they are found again or do not matter.
 */
import { assert } from '../../core/assert.js';
import { DriveError } from '../../core/errors.js';
import { type CheckpointStream, isIndexDamage } from '../meta-store.js';
import { encodeOperation } from '../operation-codec.js';
import { type Operation, rootEntry } from '../operations.js';
import type { EntryRow, Tip } from '../rows.js';
import type { StoredContent } from '../tables/content-table.js';
import type { PastRow } from '../tables/past-table.js';
import { openTables, type Tables } from '../tables/tables.js';
import type { Connection } from './connection.js';
import { assertAllSeen } from './row-sums.js';
import { translateSqliteError } from './sqlite-errors.js';

/** What a checkpoint reads once, whole. */
const tablesOfState = [
  'entry',
  'past',
  'property',
  'protection',
  'dav_lock',
  'content',
  'page',
  'segment',
  'replica',
  'user',
] as const;
const partLength = 256 * 1024;
const segmentsPerRead = 1_000;

export interface CheckpointListener {
  readonly onClose: () => void;
  /** The index turned out to be damaged. */
  readonly onDamage: (error: DriveError) => void;
}

export class SqliteCheckpoint implements CheckpointStream {
  readonly tip: Tip | undefined;
  readonly #connection: Connection;
  readonly #told: CheckpointListener;
  readonly #tables: Tables;
  #isReading = false;
  #closed = false;

  /** Takes the connection over; the state is fixed from here on. */
  constructor(connection: Connection, told: CheckpointListener) {
    this.#connection = connection;
    this.#told = told;
    this.#tables = openTables(connection);
    connection.exec('BEGIN');
    this.tip = this.#tables.journal.tip();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    assert(!this.#isReading && !this.#closed, 'a checkpoint stream is read once');
    this.#isReading = true;
    try {
      let lines = '';
      this.#connection.prepare('SELECT rows_seen()').get();
      for (const operation of checkpointOperations(this.#tables)) {
        lines += encodeOperation(operation);
        if (lines.length < partLength) continue;
        yield Buffer.from(lines, 'utf8');
        if (this.#closed) throw new DriveError('CLOSED');
        lines = '';
      }
      // Older journals are retired on the strength of a checkpoint: it must not lack anything.
      assertAllSeen(this.#connection, tablesOfState);
      if (lines !== '') yield Buffer.from(lines, 'utf8');
    } catch (cause) {
      const error = translateSqliteError(cause);
      if (isIndexDamage(error)) this.#told.onDamage(error);
      throw error;
    } finally {
      this.#isReading = false;
      this.close();
    }
  }

  /** Idempotent. A stream that is being read ends with CLOSED at its next part: SQLite cannot close it in between. */
  close(): void {
    this.#closed = true;
    if (this.#isReading || !this.#connection.open) return;
    this.#connection.close();
    this.#told.onClose();
  }
}

export function* checkpointOperations(tables: Tables): Generator<Operation> {
  const { nodes, users, counters } = tables;
  const volume = nodes.volume();
  if (volume === undefined) return;
  yield { o: 'volume', ...volume };
  const { highestEntry, highestContent } = counters.stored();
  yield { o: 'ids', entry: highestEntry, content: highestContent };
  for (const { usedBytes: _, ...node } of nodes.nodes()) yield { o: 'node', ...node };
  for (const user of users.all()) yield { o: 'user', ...user };
  yield* nodes.epochOperations();
  yield* segmentOperations(tables);
  for (const content of tables.contents.all()) yield* contentOperations(tables, content);
  for (const entry of tables.entries.all()) yield entryOperation(entry);
  for (const row of tables.past.all()) yield entryOperation(row);
  for (const property of tables.properties.all()) yield { o: 'property', ...property };
  for (const [entry, replicas] of tables.protection.all()) yield { o: 'protect', entry, replicas };
  for (const { timeoutMs, ...lock } of tables.locks.all()) yield { o: 'lock', ...lock, timeout: timeoutMs };
}

function* segmentOperations({ segments }: Tables): Generator<Operation> {
  let page = segments.page('', segmentsPerRead);
  while (page.length > 0) {
    for (const { id, state, lengthBytes, hash, ownWanted, replicas } of page) {
      yield { o: 'data', segments: [{ id, nodes: replicas.map((replica) => replica.node) }] };
      if (ownWanted !== null) yield { o: 'want', segment: id, replicas: ownWanted };
      if (state === 'sealed') yield { o: 'seal', segment: id, length: lengthBytes, hash };
    }
    page = segments.page(page.at(-1)!.id, segmentsPerRead);
  }
}

function* contentOperations({ contents }: Tables, content: StoredContent): Generator<Operation> {
  const { id, sizeBytes, chunkCount, checksum } = content;
  let first = 0;
  for (const chunks of contents.pagesOf(content)) {
    yield { o: 'chunks', content: id, first, chunks };
    first += chunks.length;
  }
  // An upload that has recorded nothing yet is not in the index at all, so only finished ones can be empty.
  if (checksum !== null) yield { o: 'content', id, size: sizeBytes, count: chunkCount, checksum };
}

/** The root is made by 'volume'; its times are all that can differ. */
function entryOperation(row: EntryRow | PastRow): Operation {
  const { id, parent, name, kind, content, created, modified, born } = row;
  if (id === rootEntry) return { o: 'times', id, created, modified };
  const entry = { o: 'entry', id, parent, name, kind, content, created, modified, time: modified, born } as const;
  return 'died' in row ? { ...entry, died: row.died } : entry;
}
