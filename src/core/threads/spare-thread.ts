/**
 * A thread that is not needed any more is kept for the next who needs one of its kind: to start one takes longer than most
 * of what it does. It keeps no process alive, and one that ends meanwhile is kept no longer.
 */
import { Worker } from 'node:worker_threads';

export class SpareThread {
  readonly #module: URL;
  #spare: Worker | undefined;

  constructor(module: URL) {
    this.#module = module;
  }

  /** The kept one, else a new one. */
  take(): Worker {
    const thread = this.#spare ?? new Worker(this.#module);
    this.#spare = undefined;
    stopListening(thread);
    return thread;
  }

  /** It must have nothing under way. A second one is ended. */
  async keep(thread: Worker): Promise<void> {
    stopListening(thread);
    if (this.#spare !== undefined) {
      await thread.terminate();
      return;
    }
    const forget = () => {
      if (this.#spare === thread) this.#spare = undefined;
    };
    thread.on('error', forget);
    thread.on('exit', forget);
    thread.unref();
    this.#spare = thread;
  }
}

/** Without names it would take those of the Worker itself along. */
function stopListening(thread: Worker): void {
  for (const event of ['message', 'error', 'exit']) thread.removeAllListeners(event);
}
