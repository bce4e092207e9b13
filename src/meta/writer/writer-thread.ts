/**
 * The thread around SqliteWriter: batches and WAL upkeep, nothing else. Messages: {id, method, parameters} in,
 * {id, result} or {id, error} out; the first message out, without an id, says whether opening worked. Bytes arrive as
 * plain arrays and are given their Buffer face here.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { ErrorData } from '../../core/errors.js';
import type { WalState } from '../meta-store.js';
import { translateSqliteError } from '../sqlite/sqlite-errors.js';
import type { WriterArguments, WriterMethod } from './serial-writer.js';
import { SqliteWriter, type SqliteWriterOptions } from './sqlite-writer.js';

export interface ToThread {
  readonly id: number;
  /** 'close' ends the thread. */
  readonly method: WriterMethod | 'close';
  readonly parameters: unknown[];
}

export interface FromThread {
  /** null for the answer to opening. */
  readonly id: number | null;
  readonly error?: ErrorData;
  readonly result?: unknown;
}

/** Between answers. */
export type WalNews = { readonly wal: WalState } | { readonly wal: null; readonly error: ErrorData };

const port = parentPort!;
const writer = answer(
  null,
  () => new SqliteWriter(workerData as SqliteWriterOptions),
  () => undefined,
);
if (writer === undefined) port.close();
port.on('message', ({ id, method, parameters }: ToThread) => {
  if (method === 'close') {
    answer(id, () => writer?.close());
    port.close();
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

/** Runs `work` and posts what it returns (or what `shown` makes of it), or how it failed. */
function answer<T>(
  id: number | null,
  work: () => T,
  shown: (result: T) => unknown = (result) => result,
): T | undefined {
  try {
    const result = work();
    port.postMessage({ id, result: shown(result) } satisfies FromThread);
    return result;
  } catch (error) {
    port.postMessage({ id, error: translateSqliteError(error).toData() } satisfies FromThread);
    return undefined;
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
