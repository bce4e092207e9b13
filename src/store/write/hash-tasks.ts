/** What the hash thread does with what it is sent. */
import { createHash, type Hash, hash } from 'node:crypto';

export type HashTask =
  /** Hex digest of these bytes alone. */
  | { readonly bytes: Uint8Array }
  /** Goes on with the hash of that number, or begins it. The answer is empty. */
  | { readonly add: number; readonly pieces: readonly Uint8Array[] }
  /** Hex digest of what was added under that number, which is forgotten then. */
  | { readonly end: number }
  /** All hashes that were begun are forgotten. The answer is empty. */
  | { readonly forget: true };

export class HashTasks {
  readonly #running = new Map<number, Hash>();

  answer(task: HashTask): string {
    if ('bytes' in task) return hash('sha256', task.bytes, 'hex');
    if ('forget' in task) {
      this.#running.clear();
      return '';
    }
    const number = 'end' in task ? task.end : task.add;
    const running = this.#running.get(number) ?? createHash('sha256');
    if ('end' in task) {
      this.#running.delete(number);
      return running.digest('hex');
    }
    this.#running.set(number, running);
    for (const piece of task.pieces) running.update(piece);
    return '';
  }
}
