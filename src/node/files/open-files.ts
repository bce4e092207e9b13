/** Files kept open for reading, the least recently used closed first. A file in use is closed after its last user. */
import { LRUCache } from 'lru-cache';
import type { OpenFile } from '../../core/file-io.js';

interface Shared {
  readonly file: Promise<OpenFile>;
  users: number;
  dropped: boolean;
}

export class OpenFiles {
  readonly #files: LRUCache<string, Shared>;

  constructor(limit: number) {
    this.#files = new LRUCache({
      max: limit,
      dispose: (shared) => {
        shared.dropped = true;
        void closeUnused(shared);
      },
    });
  }

  /** Runs `work` on the open file `key`, opening it when it is not. A failed `open` is not remembered. */
  async use<T>(key: string, open: () => Promise<OpenFile>, work: (file: OpenFile) => Promise<T>): Promise<T> {
    const shared = this.#files.get(key) ?? this.#add(key, open());
    shared.users += 1;
    try {
      return await work(await shared.file);
    } finally {
      shared.users -= 1;
      void closeUnused(shared);
    }
  }

  /** Forgets the file: whoever asks next opens it anew. */
  drop(key: string): void {
    this.#files.delete(key);
  }

  /** Forgets those for which it is true. */
  dropWhere(isGone: (key: string) => boolean): void {
    for (const key of [...this.#files.keys()]) if (isGone(key)) this.#files.delete(key);
  }

  /** Resolves when all are closed but those in use, which their last user closes. */
  async dropAll(): Promise<void> {
    const all = [...this.#files.values()];
    this.#files.clear();
    await Promise.all(all.map(closeUnused));
  }

  #add(key: string, file: Promise<OpenFile>): Shared {
    const shared: Shared = { file, users: 0, dropped: false };
    this.#files.set(key, shared);
    file.catch(() => {
      if (this.#files.peek(key) === shared) this.#files.delete(key);
    });
    return shared;
  }
}

async function closeUnused(shared: Shared): Promise<void> {
  if (!shared.dropped || shared.users > 0) return;
  try {
    await (await shared.file).close();
  } catch {
    // Nothing was written through it, so a failing close loses nothing; a failing open was thrown to its callers.
  }
}
