/** All tables of the index on one connection, their statements prepared once. Rows are verified (row-sums.ts). */
import { NeedWatch } from '../protection/need-watch.js';
import { ProtectionTable } from '../protection/protection-table.js';
import type { Connection } from '../sqlite/connection.js';
import { guardRows } from '../sqlite/row-sums.js';
import { ChunkTable } from './chunk-table.js';
import { ContentTable } from './content-table.js';
import { CounterTable } from './counter-table.js';
import { EntryTable } from './entry-table.js';
import { JournalTable } from './journal-table.js';
import { LockTable } from './lock-table.js';
import { NodeTable } from './node-table.js';
import { PastTable } from './past-table.js';
import { PropertyTable } from './property-table.js';
import { SegmentTable } from './segment-table.js';
import { UserTable } from './user-table.js';

export interface Tables {
  readonly counters: CounterTable;
  readonly entries: EntryTable;
  readonly past: PastTable;
  readonly properties: PropertyTable;
  readonly protection: ProtectionTable;
  readonly locks: LockTable;
  readonly contents: ContentTable;
  readonly chunks: ChunkTable;
  readonly segments: SegmentTable;
  readonly nodes: NodeTable;
  readonly users: UserTable;
  readonly journal: JournalTable;
  /** Of the writer. */
  readonly needs: NeedWatch;
}

/** Writes what tables hold back: before a savepoint, and before a commit. They do it by themselves before they are read. */
export function settle({ chunks, contents, entries, segments }: Tables): void {
  chunks.settle();
  contents.settle();
  entries.settle();
  segments.settle();
}

/** After a rollback: what was held back is not part of the state any more. */
export function forgetHeld({ chunks, contents, entries, segments }: Tables): void {
  chunks.forgetHeld();
  contents.forgetHeld();
  entries.forgetHeld();
  segments.forgetHeld();
}

export function openTables(connection: Connection): Tables {
  guardRows(connection, 'reads');
  const counters = new CounterTable(connection);
  const entries = new EntryTable(connection);
  return {
    counters,
    entries,
    past: new PastTable(connection),
    properties: new PropertyTable(connection),
    protection: new ProtectionTable(connection, entries),
    locks: new LockTable(connection),
    contents: new ContentTable(connection),
    chunks: new ChunkTable(connection),
    segments: new SegmentTable(connection, counters),
    nodes: new NodeTable(connection),
    users: new UserTable(connection),
    journal: new JournalTable(connection),
    needs: new NeedWatch(),
  };
}
