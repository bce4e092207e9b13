/**
 * Watches one node's folders by chokidar. What it says is a hint, never a fact: after an unmount a watcher reports
 * every file as deleted, and after a remount it is blind for good. So it is closed when its node leaves and made anew
 * when it returns. Folders are watched, never single files (each would cost memory and a system watch), except the
 * passport; changes inside a folder come as chokidar's `raw` events.
 */
import { basename, dirname, join } from 'node:path';
import { watch } from 'chokidar';
import { nodeFolderName, nodeFolders } from './node-directory.js';
import { passportFileName } from './passport.js';

export interface NodeWatcherOptions {
  readonly path: string;
  readonly id: string;
  /** Something happened at the passport, the root or a folder: a probe is due. */
  readonly onDoubt: () => void;
  /** A name came or went in the folder of segments. */
  readonly onListing: () => void;
  /** The system refuses to watch (limits); told once. Probes and listings go on without. */
  readonly onTrouble: (error: unknown) => void;
}

export class NodeWatcher {
  /** Resolves when all folders are watched that can be. */
  readonly ready: Promise<void>;
  readonly #options: NodeWatcherOptions;
  readonly #segments: string;
  readonly #watcher: ReturnType<typeof watch>;
  #isTroubled = false;
  #isClosed = false;

  private constructor(options: NodeWatcherOptions) {
    this.#options = options;
    const { path, id } = options;
    const root = join(path, nodeFolderName(id));
    this.#segments = join(root, 'segments');
    this.#watcher = watch([path, ...nodeFolders.map((folder) => join(root, folder))], {
      depth: 0,
      ignoreInitial: true,
      persistent: false,
      followSymlinks: false,
      ignored: (item, stats) => stats?.isFile() === true && basename(item) !== passportFileName,
    });
    this.ready = new Promise((resolve) => void this.#watcher.once('ready', resolve));
    this.#watcher.on('error', (error) => this.#onError(error));
    this.#watcher.on('all', (_event, item) => {
      if (dirname(item) !== this.#segments) options.onDoubt();
    });
    this.#watcher.on('raw', (event, item, details) => this.#onRaw(event, item, details));
  }

  static start(options: NodeWatcherOptions): NodeWatcher {
    return new NodeWatcher(options);
  }

  /** Idempotent; nothing is told afterwards. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const closing = this.#watcher.close();
    // close() takes all listeners away, but work on its way may still emit an error, which would end the process.
    this.#watcher.on('error', () => undefined);
    await closing;
  }

  #onRaw(event: string, item: string, details: unknown): void {
    // 'change' is a write into a file, which happens all the time.
    if (this.#isClosed || event !== 'rename') return;
    const { watchedPath } = details as { readonly watchedPath?: string };
    const isSegment = watchedPath === this.#segments && basename(item) !== basename(this.#segments);
    if (isSegment) this.#options.onListing();
    else this.#options.onDoubt();
  }

  #onError(error: unknown): void {
    // chokidar repeats the error for every path that it cannot watch.
    if (this.#isClosed || this.#isTroubled) return;
    this.#isTroubled = true;
    this.#options.onTrouble(error);
  }
}
