/**
 * File I/O of one disk, with a deadline for each call and a bound on the calls in flight. A call to a disk cannot be
 * cancelled: one that misses its deadline is abandoned and keeps its place until it really ends, so a hung disk takes
 * at most `inFlightLimit` threads of the process, and two for files being closed. When all places hang, calls fail at once.
 * The deadline runs from the start of the call: waiting behind calls that make progress is no sign of a sick disk.
 */
import type { Clock } from '../../core/clock.js';
import { type LateOutcome, withDeadline } from '../../core/deadline.js';
import { DriveError } from '../../core/errors.js';
import type { FileIo, FileStat, FolderItem, OpenFile, OpenMode, SpaceInfo } from '../../core/file-io.js';

export interface LateCall {
  readonly operation: string;
  readonly path: string;
  readonly lateByMs: number;
  /** Absent when the call ended well after all. */
  readonly error?: unknown;
}

export interface BoundedFileIoOptions {
  readonly inner: FileIo;
  readonly clock: Clock;
  readonly readDeadlineMs: number;
  readonly writeDeadlineMs: number;
  /** Default 8: six disks that hang together leave room in the thread pool (launch.cts). */
  readonly inFlightLimit?: number | undefined;
  /** Told when an abandoned call ends. Must not throw. */
  readonly onLate?: ((call: LateCall) => void) | undefined;
}

interface PlacedCall<T> {
  readonly operation: string;
  readonly path: string;
  readonly limitMs: number;
  readonly start: () => Promise<T>;
  /** Takes what came too late. */
  readonly discard: ((value: T) => void) | undefined;
}

interface Waiting {
  readonly start: () => void;
  readonly fail: (error: Error) => void;
}

/** Far more than callers start together; reached only by a leak. */
const longestQueue = 10_000;
/** On a network mount that hangs each close hangs too, and a node may have a hundred files open. */
const closingLimit = 2;

export class BoundedFileIo implements FileIo {
  readonly #options: BoundedFileIoOptions;
  readonly #limit: number;
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #abandoned = 0;
  #closing = 0;
  readonly #toClose: (() => void)[] = [];

  constructor(options: BoundedFileIoOptions) {
    this.#options = options;
    this.#limit = options.inFlightLimit ?? 8;
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    const start = () => this.#inner.open(path, mode);
    // A file opened too late is nobody's: without this it would stay open for ever and keep the disk busy.
    const file = await this.#run('open', path, this.#options.writeDeadlineMs, start, (late) => void late.close());
    return this.#bound(path, file);
  }

  readWhole(path: string, limitBytes: number): Promise<Buffer> {
    return this.#run('read', path, this.#options.readDeadlineMs, () => this.#inner.readWhole(path, limitBytes));
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.#write('stat', path, () => this.#inner.stat(path));
  }

  list(path: string): Promise<FolderItem[]> {
    return this.#write('list', path, () => this.#inner.list(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#write('rename', from, () => this.#inner.rename(from, to));
  }

  unlink(path: string): Promise<void> {
    return this.#write('unlink', path, () => this.#inner.unlink(path));
  }

  makeFolder(path: string): Promise<void> {
    return this.#write('make folder', path, () => this.#inner.makeFolder(path));
  }

  syncFolder(path: string): Promise<void> {
    return this.#write('sync folder', path, () => this.#inner.syncFolder(path));
  }

  space(path: string): Promise<SpaceInfo> {
    return this.#write('space', path, () => this.#inner.space(path));
  }

  get #inner(): FileIo {
    return this.#options.inner;
  }

  #bound(path: string, file: OpenFile): OpenFile {
    const { readDeadlineMs, writeDeadlineMs, clock } = this.#options;
    return {
      read: (buffer, position) => this.#run('read', path, readDeadlineMs, () => file.read(buffer, position)),
      write: (buffers, position) => this.#write('write', path, () => file.write(buffers, position)),
      sync: () => this.#write('fsync', path, () => file.sync()),
      truncate: (lengthBytes) => this.#write('truncate', path, () => file.truncate(lengthBytes)),
      stat: () => this.#write('stat', path, () => file.stat()),
      // Takes none of the places: it waits for this file's calls in flight, and must happen even when all places hang.
      close: () =>
        withDeadline(this.#closeInTurn(file), writeDeadlineMs, clock, {
          missed: () => hung('close', path),
          late: (outcome) => this.#reportLate('close', path, outcome),
        }),
    };
  }

  async #closeInTurn(file: OpenFile): Promise<void> {
    if (this.#closing < closingLimit) this.#closing += 1;
    else await new Promise<void>((start) => this.#toClose.push(start));
    try {
      await file.close();
    } finally {
      const next = this.#toClose.shift();
      if (next) next();
      else this.#closing -= 1;
    }
  }

  #write<T>(operation: string, path: string, start: () => Promise<T>): Promise<T> {
    return this.#run(operation, path, this.#options.writeDeadlineMs, start);
  }

  /** Every call to every disk comes here: it makes no more promises than it must. */
  #run<T>(
    operation: string,
    path: string,
    limitMs: number,
    start: () => Promise<T>,
    discard?: (value: T) => void,
  ): Promise<T> {
    const begin = () => this.#runInPlace({ operation, path, limitMs, start, discard });
    try {
      return this.#takePlace(operation, path)?.then(begin) ?? begin();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #runInPlace<T>({ operation, path, limitMs, start, discard }: PlacedCall<T>): Promise<T> {
    return withDeadline(start(), limitMs, this.#options.clock, {
      ended: () => this.#leavePlace(),
      missed: () => {
        this.#abandoned += 1;
        if (this.#abandoned >= this.#limit) {
          for (const { fail } of this.#waiting.splice(0)) fail(hung(operation, path));
        }
        return hung(operation, path);
      },
      late: (outcome) => {
        this.#abandoned -= 1;
        if (outcome.kind === 'value') discard?.(outcome.value);
        this.#reportLate(operation, path, outcome);
      },
    });
  }

  #takePlace(operation: string, path: string): Promise<void> | undefined {
    if (this.#abandoned >= this.#limit) throw hung(operation, path);
    if (this.#running < this.#limit) {
      this.#running += 1;
      return undefined;
    }
    if (this.#waiting.length >= longestQueue) throw new DriveError('UNAVAILABLE', { details: { path, operation } });
    return new Promise<void>((start, fail) => this.#waiting.push({ start, fail }));
  }

  #leavePlace(): void {
    const next = this.#waiting.shift();
    if (next) next.start();
    else this.#running -= 1;
  }

  #reportLate(operation: string, path: string, outcome: LateOutcome<unknown>): void {
    const { lateByMs } = outcome;
    const error = outcome.kind === 'error' ? { error: outcome.error } : {};
    this.#options.onLate?.({ operation, path, lateByMs, ...error });
  }
}

function hung(operation: string, path: string): DriveError {
  return new DriveError('NODE_GONE', {
    message: `${operation} ${path}: no answer in time`,
    details: { path, operation, reason: 'deadline' },
    hint: 'the disk hangs: look at its cable and at the system log',
  });
}
