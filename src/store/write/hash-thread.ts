/** The thread behind segment-hasher.ts: tasks go in, answers come back in the same order. */
import { DriveError } from '../../core/errors.js';
import { SpareThread } from '../../core/threads/spare-thread.js';
import type { HashTask } from './hash-tasks.js';

interface Waiting {
  readonly resolve: (digest: string) => void;
  readonly reject: (error: unknown) => void;
}

const threads = new SpareThread(new URL('./hash-worker.js', import.meta.url));

export class HashThread {
  readonly #worker = threads.take();
  readonly #waiting: Waiting[] = [];
  #count = 0;
  #hasEnded = false;
  #closing: Promise<void> | undefined;

  constructor() {
    // Idle, the thread shall not keep the process alive.
    this.#worker.unref();
    this.#worker.on('message', (digest: string) => {
      this.#waiting.shift()?.resolve(digest);
      if (this.#waiting.length === 0) this.#worker.unref();
    });
    this.#worker.on('error', (error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(new DriveError('INTERNAL', { message: 'hash thread ended' })));
  }

  /** Nothing can be asked of it any more. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** For a hash that is made bit by bit. */
  nextNumber(): number {
    this.#count += 1;
    return this.#count;
  }

  /** INTERNAL when the thread died; its hashes are gone with it. `moved`: memory that the thread takes over. */
  ask(task: HashTask, moved: readonly ArrayBuffer[] = []): Promise<string> {
    if (this.#hasEnded) return Promise.reject(new DriveError('INTERNAL', { message: 'hash thread ended' }));
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) this.#worker.ref();
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(task, moved);
    });
  }

  /** What was asked before is answered. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const forgotten = this.ask({ forget: true });
    // No answer may be under way when the thread is somebody else's: this is the last one.
    this.#hasEnded = true;
    const isIdle = await forgotten.then(
      () => true,
      () => false, // Gone already is closed.
    );
    await (isIdle ? threads.keep(this.#worker) : this.#worker.terminate());
  }

  #end(error: unknown): void {
    this.#hasEnded = true;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
