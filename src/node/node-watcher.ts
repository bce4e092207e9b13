/**
 * Watches one node's folders. What it says is a hint, never a fact: after an unmount a watcher reports every file as
 * deleted, and after a remount it is blind for good. So it is closed when its node leaves and made anew when it returns.
 *
 * The passport, the root and the folders below it are chokidar's: few names that hardly ever change. The folder of
 * segments has one plain watch of the system: at each write into a file chokidar lists the file's folder again and asks
 * for the state of every file in it, which would cost more with each segment that the node holds. Single files are not
 * watched (each would cost memory and a system watch), except the passport.
 */
import { basename, join } from 'node:path';
import { watch } from 'chokidar';
import { asDriveError, hasCode } from '../core/errors.js';
import { watchFolder } from '../core/system-file-io.js';
import { nodeFolderName } from './node-directory.js';
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
  readonly #watcher: ReturnType<typeof watch>;
  readonly #segmentsWatch: { close(): void } | undefined;
  #isTroubled = false;
  #isClosed = false;

  private constructor(options: NodeWatcherOptions) {
    this.#options = options;
    const root = join(options.path, nodeFolderName(options.id));
    this.#watcher = watch([options.path, root], {
      depth: 0,
      ignoreInitial: true,
      persistent: false,
      followSymlinks: false,
      ignored: (item, stats) => stats?.isFile() === true && basename(item) !== passportFileName,
    });
    this.ready = new Promise((resolve) => void this.#watcher.once('ready', resolve));
    this.#watcher.on('error', (error) => this.#onError(error));
    this.#watcher.on('all', () => options.onDoubt());
    this.#watcher.on('raw', (event) => {
      // 'change' is a write into a file.
      if (!this.#isClosed && event === 'rename') options.onDoubt();
    });
    this.#segmentsWatch = this.#watchSegments(join(root, 'segments'));
  }

  static start(options: NodeWatcherOptions): NodeWatcher {
    return new NodeWatcher(options);
  }

  /** Idempotent; nothing is told afterwards. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#segmentsWatch?.close();
    const closing = this.#watcher.close();
    // close() takes all listeners away, but work on its way may still emit an error, which would end the process.
    this.#watcher.on('error', () => undefined);
    await closing;
  }

  #watchSegments(path: string): { close(): void } | undefined {
    const { onDoubt, onListing } = this.#options;
    try {
      return watchFolder(path, {
        // Its own name means that the folder itself was moved or deleted.
        onName: (name) => {
          if (this.#isClosed) return;
          if (name === basename(path)) onDoubt();
          else onListing();
        },
        onError: (error) => this.#onError(error),
      });
    } catch (error) {
      // A node that has just left again; the probe says so.
      if (hasCode(error, 'FILE_MISSING', 'NODE_GONE')) onDoubt();
      else this.#onError(asDriveError(error));
      return undefined;
    }
  }

  #onError(error: unknown): void {
    // chokidar repeats the error for every path that it cannot watch.
    if (this.#isClosed || this.#isTroubled) return;
    this.#isTroubled = true;
    this.#options.onTrouble(error);
  }
}
