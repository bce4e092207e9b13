/**
 * The index on SQLite. Normally the writer lives in a thread of its own (single commits on the caller's thread stalled
 * for tens of milliseconds beside an upload) and readers use a read-only connection on the caller's thread, so that
 * they see only what is committed. With file ':memory:', for simulations, the writer runs in this process on a file in
 * the system's temporary folder that is never synced and is removed by `close`: readers behave exactly the same.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DriveError } from '../core/errors.js';
import { type Random, randomId, systemRandom } from '../core/random.js';
import { SystemFileIo } from '../core/system-file-io.js';
import { CommitCount } from './memory/commit-count.js';
import type { CheckOptions, CheckpointStream, MetaReader, MetaStore, MetaWriter, WalState } from './meta-store.js';
import { damagedIndex, isIndexDamage } from './meta-store.js';
import type { SegmentNeeds } from './protection/segment-needs.js';
import type { Limits } from './resolve/limits.js';
import { SqliteCheckpoint } from './sqlite/checkpoint-stream.js';
import { openConnection } from './sqlite/connection.js';
import type { FoundFiles, PartsQuery } from './sqlite/damage-search.js';
import { type IndexJob, type JobOptions, runIndexJob } from './sqlite/index-jobs.js';
import { translated } from './sqlite/sqlite-errors.js';
import { SqliteReader } from './sqlite/sqlite-reader.js';
import { LocalWriter } from './writer/local-writer.js';
import { SerialWriter, type WriterBackend } from './writer/serial-writer.js';
import { SqliteWriter, type SqliteWriterOptions } from './writer/sqlite-writer.js';
import { ThreadWriter } from './writer/thread-writer.js';

export interface MetaStoreOptions {
  /** Path of the index, made when absent (its folder must exist and is synced by the caller), or ':memory:'. */
  readonly file: string;
  /** For the name of the temporary file of ':memory:'. */
  readonly random?: Random | undefined;
  /**
   * 'all': every row is verified before it is used, for an index of which nothing is known. CORRUPT. A number: only if SQLite's
   * log has fewer frames. Default: the file was just made or read.
   */
  readonly verify?: 'all' | 'later' | number | undefined;
  /** Told when SQLite's log has begun (anew), and each time it was folded into the file. */
  readonly onWal?: ((state: WalState) => void) | undefined;
  /** It is made anew and takes its name when it is whole: nothing is synced, whoever names it does that after `close`. */
  readonly isBeingMade?: boolean | undefined;
  /** The writer needs no thread: this process has nothing else to do meanwhile. */
  readonly isAlone?: boolean | undefined;
  /** Bounds of single requests, for tests. */
  readonly limits?: Partial<Limits> | undefined;
}

/** Chunks come in the order of nothing: pages that have no room here are written, and read again, with every few of them. */
const makingCacheBytes = 32 * 1024 * 1024;

/** NEWER_FORMAT; CORRUPT when it is no index or is damaged; UNAVAILABLE; IN_USE. */
export async function openMetaStore(options: MetaStoreOptions): Promise<MetaStore> {
  return SqliteMetaStore.open(options);
}

/** Of the file and SQLite's log. What reads so little is done within milliseconds; a thread alone takes 60 to start. */
const smallBytes = 1024 * 1024;

class SqliteMetaStore implements MetaStore {
  readonly writer: MetaWriter;
  readonly isUnread: boolean;
  readonly #reader: SqliteReader;
  readonly #file: string;
  readonly #isTemporary: boolean;
  readonly #checkpoints = new Set<SqliteCheckpoint>();
  #closing: Promise<void> | undefined;
  #damage: DriveError | undefined;
  #onDamage: (error: DriveError) => void = () => undefined;

  static async open({
    file,
    limits,
    verify,
    onWal = () => undefined,
    isBeingMade = false,
    isAlone = false,
    random = systemRandom,
  }: MetaStoreOptions): Promise<SqliteMetaStore> {
    const isTemporary = file === ':memory:';
    const path = isTemporary ? join(tmpdir(), `holdfast-index-${randomId(random)}.db`) : file;
    const commits = new CommitCount();
    const writerOptions: SqliteWriterOptions = {
      file: path,
      durability: isTemporary || isBeingMade ? 'off' : 'normal',
      cacheBytes: isBeingMade ? makingCacheBytes : undefined,
      limits,
      commits: commits.shared,
    };
    const backend =
      isTemporary || isAlone
        ? new LocalWriter(translated(() => new SqliteWriter(writerOptions)))
        : await ThreadWriter.open(writerOptions, onWal);
    let store: SqliteMetaStore | undefined;
    try {
      const isDoubtful =
        typeof verify === 'number' ? (await backend.call('wal', [])).frames < verify : verify === 'all';
      if (isDoubtful)
        await runIndexJob({ kind: 'verify', file: path }, { inThread: !isTemporary && !(await isSmall(path)) });
      const isUnread = verify !== undefined && !isDoubtful;
      const reader = translated(
        () =>
          new SqliteReader(openConnection({ file: path, role: 'reader', durability: 'normal' }), {
            commits,
            onDamage: (error) => store?.noteDamage(error),
          }),
      );
      store = new SqliteMetaStore({ backend, reader, file: path, isTemporary, isUnread });
      return store;
    } catch (error) {
      await backend.close();
      throw error;
    }
  }

  private constructor(parts: {
    readonly backend: WriterBackend;
    readonly reader: SqliteReader;
    readonly file: string;
    readonly isTemporary: boolean;
    readonly isUnread: boolean;
  }) {
    this.isUnread = parts.isUnread;
    this.#reader = parts.reader;
    this.#file = parts.file;
    this.#isTemporary = parts.isTemporary;
    this.writer = new SerialWriter({
      backend: watched(parts.backend, (error) => this.noteDamage(error)),
      openCheckpoint: () => this.#openCheckpoint(),
      copy: (to) => this.#run({ kind: 'copy', file: this.#file, to }).then(() => undefined),
    });
  }

  get reader(): MetaReader {
    return this.#reader;
  }

  onDamage(listener: (error: DriveError) => void): void {
    this.#onDamage = listener;
    if (this.#damage !== undefined) listener(this.#damage);
  }

  private noteDamage(error: DriveError): void {
    if (this.#damage !== undefined) return;
    this.#damage = error;
    this.#onDamage(error);
  }

  /** The file itself and what stands in it are looked at side by side; damage of the file makes the other moot. */
  async check({ only, ...options }: CheckOptions = {}): Promise<string[]> {
    if (this.#closing !== undefined) throw new DriveError('CLOSED');
    if (only === 'sums') return this.#findings('check-sums', options);
    const [damage, findings] = await Promise.allSettled([
      this.#findings('check-file', { signal: options.signal }),
      this.#findings('check', options),
    ]);
    if (damage.status === 'rejected') throw damage.reason;
    if (damage.value.length > 0) {
      this.noteDamage(damagedIndex(damage.value[0]!));
      return damage.value;
    }
    if (findings.status === 'rejected') throw findings.reason;
    return findings.value;
  }

  async segmentNeeds({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<SegmentNeeds> {
    if (this.#closing !== undefined) throw new DriveError('CLOSED');
    return (await this.#run({ kind: 'needs', file: this.#file }, { signal })).needs!;
  }

  async findParts(
    query: PartsQuery,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<FoundFiles> {
    if (this.#closing !== undefined) throw new DriveError('CLOSED');
    return (await this.#run({ kind: 'parts', file: this.#file, query }, { signal })).found!;
  }

  async verify({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (this.#closing !== undefined) throw new DriveError('CLOSED');
    await this.#run({ kind: 'read', file: this.#file }, { signal });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const checkpoint of this.#checkpoints) checkpoint.close();
    this.#reader.close();
    await this.writer.close(); // Last: the last connection to close folds the WAL into the file.
    if (!this.#isTemporary) return;
    await new SystemFileIo().unlink(this.#file);
  }

  #openCheckpoint(): CheckpointStream {
    const connection = openConnection({ file: this.#file, role: 'reader', durability: 'normal' });
    const checkpoint: SqliteCheckpoint = new SqliteCheckpoint(connection, {
      onClose: () => this.#checkpoints.delete(checkpoint),
      onDamage: (error) => this.noteDamage(error),
    });
    this.#checkpoints.add(checkpoint);
    return checkpoint;
  }

  /** A new connection reads what the old ones read long ago: the schema, say. */
  async #watch<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isIndexDamage(error)) this.noteDamage(error);
      throw error;
    }
  }

  async #findings(
    kind: 'check' | 'check-file' | 'check-sums',
    options: Omit<JobOptions, 'inThread'>,
  ): Promise<string[]> {
    return (await this.#run({ kind, file: this.#file }, options)).findings ?? [];
  }

  #run(job: IndexJob, options: Omit<JobOptions, 'inThread'> = {}): ReturnType<typeof runIndexJob> {
    return this.#watch(async () => {
      const inThread = !this.#isTemporary && (job.kind === 'copy' || !(await isSmall(this.#file)));
      return runIndexJob(job, { ...options, inThread });
    });
  }
}

async function isSmall(file: string): Promise<boolean> {
  const fileIo = new SystemFileIo();
  const stats = await Promise.all([file, `${file}-wal`].map((path) => fileIo.stat(path)));
  return stats.reduce((sum, stat) => sum + (stat?.sizeBytes ?? 0), 0) <= smallBytes;
}

/** The backend, and somebody who hears of it when the index turns out to be damaged. */
function watched(backend: WriterBackend, onDamage: (error: DriveError) => void): WriterBackend {
  return {
    call: (method, parameters) =>
      backend.call(method, parameters).catch((error: unknown) => {
        if (isIndexDamage(error)) onDamage(error);
        throw error;
      }),
    close: () => backend.close(),
  };
}
