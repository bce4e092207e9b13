/**
 * scrypt off the main thread and off libuv's pool: sixteen logins at once would otherwise stop all file work for seconds.
 * The thread starts with the first password and does one after the other; what waits is bounded.
 */
import { Worker } from 'node:worker_threads';
import { DriveError } from '../../core/errors.js';
import type { HashResult, HashTask, ScryptCost } from './password-thread.js';

export type { ScryptCost } from './password-thread.js';

/** Some ten seconds of work. */
const waitingLimit = 100;

interface Waiting {
  readonly resolve: (key: Buffer) => void;
  readonly reject: (error: DriveError) => void;
}

export class PasswordHasher {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;
  #closed = false;

  /** 32 bytes. UNAVAILABLE when too many wait, CLOSED. */
  hash(password: string, salt: Uint8Array, cost: ScryptCost): Promise<Buffer> {
    if (this.#closed) return Promise.reject(new DriveError('CLOSED'));
    if (this.#waiting.size >= waitingLimit) {
      return Promise.reject(new DriveError('UNAVAILABLE', { message: 'too many log in at once' }));
    }
    this.#lastId += 1;
    const task: HashTask = { id: this.#lastId, password: password.normalize('NFC'), salt, cost };
    return new Promise((resolve, reject) => {
      this.#waiting.set(task.id, { resolve, reject });
      this.#started().postMessage(task);
    });
  }

  /** Idempotent; what waits fails with CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#fail(new DriveError('CLOSED'));
    await this.#worker?.terminate();
  }

  #started(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./password-thread.js', import.meta.url));
    this.#worker = worker;
    worker.on('message', ({ id, key }: HashResult) => {
      this.#waiting.get(id)?.resolve(Buffer.from(key));
      this.#waiting.delete(id);
    });
    worker.once('error', (cause) => this.#ended(worker, cause));
    worker.once('exit', () => this.#ended(worker, undefined));
    return worker;
  }

  #ended(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#fail(new DriveError('UNAVAILABLE', { message: 'the thread that checks passwords has ended', cause }));
  }

  #fail(error: DriveError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
