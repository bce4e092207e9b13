/** Totals kept up with every change, so that status and quotas cost one row. Held in memory while a batch is built. */
import type { Connection } from '../sqlite/connection.js';

export interface Totals {
  files: number;
  folders: number;
  logicalBytes: number;
  segments: number;
  liveBytes: number;
  storedBytes: number;
  /** Highest ids that an operation ever gave; none is given twice. */
  highestEntry: number;
  highestContent: number;
}

export class CounterTable {
  /** The writer's view, changes of the open transaction included. */
  totals: Totals;
  readonly #read;
  readonly #write;

  constructor(connection: Connection) {
    this.#read = connection.prepare<[], Totals>(
      `SELECT files, folders, logical_bytes AS logicalBytes, segments, live_bytes AS liveBytes,
              stored_bytes AS storedBytes, highest_entry AS highestEntry, highest_content AS highestContent
       FROM counters`,
    );
    this.#write = connection.prepare(
      `UPDATE counters SET files = @files, folders = @folders, logical_bytes = @logicalBytes, segments = @segments,
              live_bytes = @liveBytes, stored_bytes = @storedBytes,
              highest_entry = @highestEntry, highest_content = @highestContent`,
    );
    this.totals = this.stored();
  }

  /** As in the database, for readers. */
  stored(): Totals {
    return this.#read.get()!;
  }

  save(): void {
    this.#write.run(this.totals);
  }

  /** After a rollback. */
  reload(): void {
    this.totals = this.stored();
  }
}
