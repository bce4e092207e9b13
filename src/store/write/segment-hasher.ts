/**
 * SHA-256 off the main thread: names of chunks, hashes of segments while they are written, and hashes of segments that
 * are read back. What lies in shared memory is hashed where it lies. The thread is started when first needed; what is
 * small is hashed at once, in a fraction of the time that a thread takes to begin.
 */
import { createHash } from 'node:crypto';
import { DriveError } from '../../core/errors.js';
import type { ChunkId } from '../../core/ids.js';
import { isShared } from '../../core/memory/shared-buffers.js';
import { Mutex } from '../../core/mutex.js';
import { chunkId } from '../../segment/chunk-id.js';
import { HashThread } from './hash-thread.js';

/** Hashed in some 0.5 ms. */
const smallBytes = 512 * 1024;
/** Shorter ones cost less to hash than to hand over, and may share their memory with others (Node's pool). */
const leastMovedBytes = 64 * 1024;

export class SegmentHasher {
  readonly #turns = new Mutex();
  #current: HashThread | undefined;
  #closed = false;

  /** Chunks in shared memory are hashed in the thread, the others here. They may not change before it resolves. */
  async chunkId(plain: Buffer): Promise<ChunkId> {
    if (this.#closed || plain.length < leastMovedBytes || !isShared(plain)) return chunkId(plain);
    return this.#thread().ask({ bytes: plain });
  }

  /** The hash of a segment that is about to be written. */
  start(): RunningHash {
    return new RunningHash(() => this.#thread());
  }

  /**
   * Hex SHA-256 of the pieces, which are consumed: their memory moves to the thread. One piece is on its way at a time,
   * and one segment is read. Rejects as `pieces` does; CLOSED; INTERNAL when the thread died.
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

  /** Waits for the hash under way; idempotent. What is asked for later is rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#turns.run(() => this.#current?.close());
  }

  async #hashInThread(first: readonly Buffer[], rest: AsyncIterator<Buffer>): Promise<string> {
    const thread = this.#thread();
    const number = thread.nextNumber();
    const add = (piece: Buffer) => {
      const isOwned = piece.byteOffset === 0 && piece.length >= leastMovedBytes && !isShared(piece);
      return thread.ask({ add: number, pieces: [piece] }, isOwned ? [piece.buffer as ArrayBuffer] : []);
    };
    try {
      for (const piece of first) await add(piece);
      for (let next = await rest.next(); !next.done; next = await rest.next()) await add(next.value);
    } catch (error) {
      await thread.ask({ end: number }).catch(() => undefined);
      throw error;
    }
    return thread.ask({ end: number });
  }

  #thread(): HashThread {
    if (!this.#current || this.#current.hasEnded) this.#current = new HashThread();
    return this.#current;
  }
}

/**
 * The hash of one segment, made of the bytes that are handed to its nodes. It gives up where handing them to the
 * thread would mean to copy them, and when the thread died: then the segment is read back.
 */
export class RunningHash {
  readonly #open: () => HashThread;
  #thread: HashThread | undefined;
  #number = 0;
  #lengthBytes = 0;
  #hasGivenUp = false;

  constructor(open: () => HashThread) {
    this.#open = open;
  }

  /** Resolves when the buffers are looked at no more; never rejects. In the order of the calls. */
  async add(buffers: readonly Buffer[]): Promise<void> {
    if (this.#hasGivenUp) return;
    if (buffers.some((buffer) => buffer.length >= leastMovedBytes && !isShared(buffer))) return this.#giveUp();
    if (this.#thread === undefined) {
      this.#thread = this.#open();
      this.#number = this.#thread.nextNumber();
    }
    for (const { length } of buffers) this.#lengthBytes += length;
    try {
      await this.#thread.ask({ add: this.#number, pieces: buffers });
    } catch {
      this.#hasGivenUp = true;
    }
  }

  /** Hex SHA-256 of the first `lengthBytes`; undefined when it did not see just these. Once. */
  async end(lengthBytes: number): Promise<string | undefined> {
    if (this.#hasGivenUp) return undefined;
    const digest = await this.#thread?.ask({ end: this.#number }).catch(() => undefined);
    return this.#lengthBytes === lengthBytes ? digest : undefined;
  }

  async #giveUp(): Promise<void> {
    this.#hasGivenUp = true;
    await this.#thread?.ask({ end: this.#number }).catch(() => undefined);
  }
}
