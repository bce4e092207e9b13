/**
 * The engine hashes sealed segments in a worker thread, whose answers would come at times that no seed chooses. Here
 * `Worker` is replaced in this process by one that hashes in the next turns of the event loop.
 */
import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import workerThreads from 'node:worker_threads';

class SimHashWorker extends EventEmitter {
  #hash = createHash('sha256');

  constructor(file: URL) {
    super();
    if (!file.pathname.endsWith('/hash-worker.js')) throw new Error(`no simulated thread for ${file.pathname}`);
  }

  postMessage(piece: Uint8Array | null): void {
    let answer = '';
    if (piece) this.#hash.update(piece);
    else {
      answer = this.#hash.digest('hex');
      this.#hash = createHash('sha256');
    }
    setImmediate(() => this.emit('message', answer));
  }

  ref(): void {}
  unref(): void {}
  async terminate(): Promise<number> {
    return 0;
  }
}

/** For the rest of this process. */
export function simulateThreads(): void {
  Object.assign(workerThreads, { Worker: SimHashWorker });
  syncBuiltinESMExports();
}
