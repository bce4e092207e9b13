/**
 * The engine hashes chunks and segments in a worker thread, whose answers would come at times that no seed chooses. Here
 * `Worker` is replaced in this process by one that hashes in the next turns of the event loop.
 */
import { EventEmitter } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import workerThreads from 'node:worker_threads';
import { type HashTask, HashTasks } from '../../src/store/write/hash-tasks.js';

class SimHashWorker extends EventEmitter {
  readonly #tasks = new HashTasks();

  constructor(file: URL) {
    super();
    if (!file.pathname.endsWith('/hash-worker.js')) throw new Error(`no simulated thread for ${file.pathname}`);
  }

  postMessage(task: HashTask): void {
    const answer = this.#tasks.answer(task);
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
