/**
 * Totals kept up with every change, so that status and quotas cost one row. Held in memory while a batch is built. The
 * totals of rows, which prove that none is missing (row-sums.ts), are kept beside them.
 */

import { damagedIndex } from '../meta-store.js';
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

export interface CounterSnapshot {
  readonly totals: Totals;
  readonly rowTotals: string;
}

export class CounterTable {
  /** The writer's view, changes of the open transaction included. */
  totals: Totals;
  readonly #read;
  readonly #write;
  readonly #rowTotals;
  readonly #setRowTotals;
  readonly #storedRowTotals;

  constructor(connection: Connection) {
    this.#read = connection.prepare<[], Totals>(
      `SELECT files, folders, logical_bytes AS logicalBytes, segments, live_bytes AS liveBytes,
              stored_bytes AS storedBytes, highest_entry AS highestEntry, highest_content AS highestContent
       FROM counters`,
    );
    this.#write = connection.prepare(
      `UPDATE counters_row SET files = @files, folders = @folders, logical_bytes = @logicalBytes, segments = @segments,
              live_bytes = @liveBytes, stored_bytes = @storedBytes,
              highest_entry = @highestEntry, highest_content = @highestContent, row_totals = row_totals()`,
    );
    this.#rowTotals = connection.prepare<[], string>('SELECT row_totals()').pluck();
    this.#setRowTotals = connection.prepare('SELECT set_row_totals(?)');
    this.#storedRowTotals = connection.prepare<[], string>('SELECT row_totals FROM counters').pluck();
    this.totals = this.stored();
  }

  /** What a change that fails is taken back to. */
  snapshot(): CounterSnapshot {
    return { totals: { ...this.totals }, rowTotals: this.#rowTotals.get()! };
  }

  restore({ totals, rowTotals }: CounterSnapshot): void {
    this.totals = totals;
    this.#setRowTotals.get(rowTotals);
  }

  /** As in the database, for readers. */
  stored(): Totals {
    const totals = this.#read.get();
    if (totals === undefined) throw damagedIndex('its totals are missing');
    return totals;
  }

  save(): void {
    this.#write.run(this.totals);
  }

  /** Before the first batch, and after a rollback. */
  reload(): void {
    this.restore({ totals: this.stored(), rowTotals: this.#storedRowTotals.get()! });
  }
}
