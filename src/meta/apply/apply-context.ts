/** What applying an operation needs beside the operation itself. No clock, no chance. */
import { DriveError } from '../../core/errors.js';
import type { ChunkId, EntryId } from '../operations.js';
import type { EntryRow } from '../rows.js';
import type { Tables } from '../tables/tables.js';

export interface ApplyContext {
  readonly tables: Tables;
  /** Of the batch that the operation belongs to. */
  readonly sequence: number;
  /** Chunks referred to whose place is not known yet are added here. */
  readonly newChunks: Set<ChunkId>;
}

/** For operations that do not fit the state: in replay the history is damaged, in live traffic it is a bug. */
export function mismatch(message: string): DriveError {
  return new DriveError('CORRUPT', { message: `operation does not fit the index: ${message}` });
}

export function livingEntry(tables: Tables, id: EntryId): EntryRow {
  const row = tables.entries.byId(id);
  if (row === undefined) throw mismatch(`entry ${id} is not living`);
  return row;
}
