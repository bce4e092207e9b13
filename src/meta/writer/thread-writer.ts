/** The caller's side of writer-thread.ts. */
import type { Worker } from 'node:worker_threads';
import { DriveError, type ErrorData } from '../../core/errors.js';
import { SpareThread } from '../../core/threads/spare-thread.js';
import type { WalState } from '../meta-store.js';
import type { WriterArguments, WriterBackend, WriterMethod } from './serial-writer.js';
import type { SqliteWriter, SqliteWriterOptions } from './sqlite-writer.js';
import type { FromThread, ToThread, WalNews } from './writer-thread.js';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: DriveError) => void;
}

const threads = new SpareThread(new URL('./writer-thread.js', import.meta.url));

export class ThreadWriter implements WriterBackend {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #ended: DriveError | undefined;
  #closing: Promise<void> | undefined;

  static async open(options: SqliteWriterOptions, onWal: (state: WalState) => void): Promise<ThreadWriter> {
    const writer = new ThreadWriter(threads.take(), onWal);
    try {
      await writer.#send('open', [options]);
      return writer;
    } catch (error) {
      await writer.#worker.terminate();
      throw error;
    }
  }

  private constructor(worker: Worker, onWal: (state: WalState) => void) {
    this.#worker = worker;
    worker.ref();
    worker.on('message', (message: FromThread | WalNews) => {
      if (!('wal' in message)) this.#receive(message);
      else if (message.wal !== null) onWal(message.wal);
      else this.#end(stopped(message.error));
    });
    worker.on('error', (cause) => this.#end(threadGone(cause)));
    worker.on('exit', () => this.#end(threadGone(undefined)));
  }

  async call<K extends WriterMethod>(method: K, parameters: WriterArguments<K>): Promise<ReturnType<SqliteWriter[K]>> {
    if (this.#closing !== undefined) throw new DriveError('CLOSED');
    const result = (await this.#send(method, parameters)) as ReturnType<SqliteWriter[K]>;
    return method === 'prepare' ? withBuffer(result as ReturnType<SqliteWriter['prepare']>) : result;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const isClosed = await this.#send('close', []).then(
      () => true,
      () => false, // Gone already is closed.
    );
    await (isClosed ? threads.keep(this.#worker) : this.#worker.terminate());
  }

  #send(method: ToThread['method'], parameters: unknown[]): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = this.#answerTo(id);
    try {
      const message: ToThread = { id, method, parameters };
      this.#worker.postMessage(message);
    } catch (cause) {
      this.#waiting.delete(id); // Something that cannot be cloned: a bug of the caller, not of the thread.
      return Promise.reject(new DriveError('INTERNAL', { message: `${method} cannot be sent to the index`, cause }));
    }
    return answer;
  }

  #answerTo(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #receive({ id, error, result }: FromThread): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(DriveError.fromData(error));
  }

  #end(error: DriveError): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
  }
}

type Result = ReturnType<SqliteWriter['prepare']>;

/** Structured clone turns a Buffer into a Uint8Array. */
function withBuffer<T>(result: Result): T {
  const { buffer, byteOffset, byteLength } = result.operations;
  return { ...result, operations: Buffer.from(buffer, byteOffset, byteLength) } as T;
}

/** Opening the index anew may help, once there is room again. */
function stopped({ message, hint }: ErrorData): DriveError {
  return new DriveError('UNAVAILABLE', { message, hint: hint ?? undefined });
}

function threadGone(cause: unknown): DriveError {
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  return new DriveError('UNAVAILABLE', {
    message: `the thread that writes the index has ended${why}: reopen it`,
    cause,
  });
}
