/**
 * Hashes segments off the main thread: a worker that is sent one piece, and the next one when it has done with it. So
 * at most one piece is on its way, and one segment is hashed at a time. The thread is started when first needed; what is
 * small is hashed at once, in a fraction of the time that a thread takes to begin.
 */
import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { DriveError } from '../../core/errors.js';
import { Mutex } from '../../core/mutex.js';

/** Hashed in some 0.5 ms. */
const smallBytes = 512 * 1024;
/** Smaller buffers may share their memory with others (Node's pool): they are copied instead of moved. */
const leastMovedBytes = 64 * 1024;

export class SegmentHasher {
  readonly #turns = new Mutex();
  #thread: HashThread | undefined;
  #closed = false;

  /**
   * Hex SHA-256 of the pieces, which are consumed: their memory moves to the thread. Rejects as `pieces` does; CLOSED;
   * INTERNAL when the thread died.
   */
  hash(pieces: AsyncIterable<Buffer>): Promise<string> {
    return this.#turns.run(async () => {
      if (this.#closed) throw new DriveError('CLOSED');
      const rest = pieces[Symbol.asyncIterator]();
      const first: Buffer[] = [];
      try {
        for (let sizeBytes = 0; sizeBytes <= smallBytes; ) {
          const { value: piece, done } = await rest.next();
          if (done) return first.reduce((hash, one) => hash.update(one), createHash('sha256')).digest('hex');
          first.push(piece);
          sizeBytes += piece.length;
        }
        return await this.#hashInThread(first, rest);
      } finally {
        await rest.return?.();
      }
    });
  }

  async #hashInThread(first: readonly Buffer[], rest: AsyncIterator<Buffer>): Promise<string> {
    this.#thread ??= new HashThread();
    const thread = this.#thread;
    try {
      for (const piece of first) await thread.ask(piece);
      for (let next = await rest.next(); !next.done; next = await rest.next()) await thread.ask(next.value);
      return await thread.ask(null);
    } catch (error) {
      // Its hash holds a part of this segment.
      this.#thread = undefined;
      await thread.close();
      throw error;
    }
  }

  /** Waits for the hash under way; idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#turns.run(() => this.#thread?.close());
  }
}

class HashThread {
  readonly #worker = new Worker(new URL('./hash-worker.js', import.meta.url));
  #answer: { readonly resolve: (digest: string) => void; readonly reject: (error: unknown) => void } | undefined;

  constructor() {
    this.#worker.on('message', (digest: string) => {
      // Idle, the thread shall not keep the process alive.
      this.#worker.unref();
      this.#answer?.resolve(digest);
    });
    this.#worker.on('error', (error) => this.#answer?.reject(error));
    this.#worker.on('exit', () => this.#answer?.reject(new DriveError('INTERNAL', { message: 'hash thread ended' })));
  }

  /** Adds a piece, or with null asks for the digest of all since the last digest. One at a time. */
  ask(piece: Buffer | null): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
      this.#worker.ref();
      const isOwned = piece && piece.byteOffset === 0 && piece.length >= leastMovedBytes;
      this.#worker.postMessage(piece, isOwned ? [piece.buffer as ArrayBuffer] : []);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
