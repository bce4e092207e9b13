/** One task at a time for each key; keys without tasks cost nothing. */
import { Mutex } from '../core/mutex.js';

export class Turns<K> {
  private readonly mutexes = new Map<K, Mutex>();

  async run<T>(key: K, task: () => Promise<T>): Promise<T> {
    const mutex = this.mutexes.get(key) ?? new Mutex();
    this.mutexes.set(key, mutex);
    try {
      return await mutex.run(task);
    } finally {
      if (mutex.pending === 0) this.mutexes.delete(key);
    }
  }
}
