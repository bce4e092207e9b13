/**
 * The thread around SqliteWriter: batches and WAL upkeep, nothing else. Messages: {id, method, parameters} in,
 * {id, result} or {id, error} out. Bytes arrive as plain arrays and are given their Buffer face here. After 'close' another
 * index may be opened.
 */
import { parentPort } from 'node:worker_threads';
import type { ErrorData } from '../../core/errors.js';
import type { WalState } from '../meta-store.js';
import { translateSqliteError } from '../sqlite/sqlite-errors.js';
import type { WriterArguments, WriterMethod } from './serial-writer.js';
import { SqliteWriter, type SqliteWriterOptions } from './sqlite-writer.js';

export interface ToThread {
  readonly id: number;
  readonly method: WriterMethod | 'open' | 'close';
  readonly parameters: unknown[];
}

export interface FromThread {
  readonly id: number;
  readonly error?: ErrorData;
  readonly result?: unknown;
}

/** Between answers. */
export type WalNews = { readonly wal: WalState } | { readonly wal: null; readonly error: ErrorData };

const port = parentPort!;
let writer: SqliteWriter | undefined;
port.on('message', ({ id, method, parameters }: ToThread) => {
  if (method === 'open') {
    answer(id, () => {
      writer = new SqliteWriter(parameters[0] as SqliteWriterOptions);
    });
    return;
  }
  if (method === 'close') {
    answer(id, () => writer?.close());
    writer = undefined;
    return;
  }
  answer(id, () => {
    const run = writer![method] as (...parameters: unknown[]) => unknown;
    return run.apply(writer, withBuffers(method, parameters));
  });
  tidyWal(); // After the answer, so that no client waits for it.
});

/** A log that cannot be folded (a full disk, say) would only grow: nothing more is written then, and the reason is told. */
function tidyWal(): void {
  try {
    const wal = writer?.tidyWal();
    if (wal !== undefined) port.postMessage({ wal } satisfies WalNews);
  } catch (error) {
    port.postMessage({ wal: null, error: translateSqliteError(error).toData() } satisfies WalNews);
    port.close();
  }
}

/** Runs `work` and posts what it returns, or how it failed. */
function answer(id: number, work: () => unknown): void {
  try {
    port.postMessage({ id, result: work() } satisfies FromThread);
  } catch (error) {
    port.postMessage({ id, error: translateSqliteError(error).toData() } satisfies FromThread);
  }
}

/** Structured clone turns a Buffer into a Uint8Array. */
function withBuffers(method: WriterMethod, parameters: unknown[]): unknown[] {
  if (method === 'commit') {
    const [input] = parameters as WriterArguments<'commit'>;
    return [{ ...input, batch: input.batch && { ...input.batch, bytes: asBuffer(input.batch.bytes) } }];
  }
  if (method === 'replay') {
    const [input] = parameters as WriterArguments<'replay'>;
    const batches = input.batches.map((batch) => ({
      ...batch,
      bytes: asBuffer(batch.bytes),
      operations: asBuffer(batch.operations),
    }));
    return [{ ...input, batches }];
  }
  if (method === 'loadCheckpoint') {
    const [part] = parameters as WriterArguments<'loadCheckpoint'>;
    return ['operations' in part ? { operations: asBuffer(part.operations) } : part];
  }
  return parameters;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
