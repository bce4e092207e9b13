/** The writer in this process, for simulations and a new volume: the same SqliteWriter without a thread around it. */
import { DriveError } from '../../core/errors.js';
import { translated } from '../sqlite/sqlite-errors.js';
import type { WriterArguments, WriterBackend, WriterMethod } from './serial-writer.js';
import type { SqliteWriter } from './sqlite-writer.js';

export class LocalWriter implements WriterBackend {
  readonly #writer: SqliteWriter;
  #closed = false;

  constructor(writer: SqliteWriter) {
    this.#writer = writer;
  }

  async call<K extends WriterMethod>(method: K, parameters: WriterArguments<K>): Promise<ReturnType<SqliteWriter[K]>> {
    if (this.#closed) throw new DriveError('CLOSED');
    const run = this.#writer[method] as (...parameters: WriterArguments<K>) => ReturnType<SqliteWriter[K]>;
    return translated(() => {
      const result = run.apply(this.#writer, parameters);
      this.#writer.tidyWal();
      return result;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    translated(() => this.#writer.close());
  }
}
