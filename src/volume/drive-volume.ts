/**
 * The Volume that the protocol layers talk to: names and listings from the index, bytes from the nodes, changes
 * through the committer. It holds no state but whose turn it is; the engine below is replaced when the history has to be
 * reopened, and a change that never reached the old one is tried again on the new one for a bounded time.
 */
import type { Clock } from '../core/clock.js';
import { DriveError, hasCode } from '../core/errors.js';
import { type Random, randomUuid } from '../core/random.js';
import { askIndex } from '../meta/meta-store.js';
import type { ContentId, EntryId } from '../meta/operations.js';
import type { Conditions, EntryPath, PropertyChange } from '../meta/requests.js';
import type { EntryRow, LockRow, PropertyRow } from '../meta/rows.js';
import { gatherShortBody, writeAmended } from './amendment.js';
import { isUntouched } from './commit/committer.js';
import type { ChangeInput, VolumeEngine } from './engine.js';
import { keepLocks } from './kept-locks.js';
import { Turns } from './turns.js';
import type { FinishedUpload, UploadSession } from './upload-session.js';
import type {
  Amendment,
  ChangeOptions,
  ContentReader,
  PutOptions,
  SpaceReport,
  UploadedContent,
  UploadOptions,
  Volume,
} from './volume.js';

export interface DriveVolumeOptions {
  readonly id: string;
  readonly name: string;
  /** The engine that serves now; waits while one is being opened. UNAVAILABLE, READ_ONLY, CLOSED. */
  readonly engine: () => Promise<VolumeEngine>;
  readonly clock: Clock;
  readonly random: Random;
  /** A change that no batch began with is submitted again for this long; default 0: once. */
  readonly retryMs?: number | undefined;
  /** Whether changes that are refused because no disk takes them now are to wait; default: never. */
  readonly isJustStopped?: (() => boolean) | undefined;
}

/** Between two attempts. */
const retryPauseMs = 50;

/** Rows of one listing query, and of what others may wait for: a millisecond or two. */
const listPageRows = 256;

export class DriveVolume implements Volume {
  readonly id: string;
  readonly name: string;
  private readonly options: DriveVolumeOptions;
  private readonly turns = new Turns<EntryId>();

  constructor(options: DriveVolumeOptions) {
    this.id = options.id;
    this.name = options.name;
    this.options = options;
  }

  async stat(path: EntryPath): Promise<EntryRow | undefined> {
    return askIndex(this.options.engine, (engine) => engine.reader.lookup(path));
  }

  async spelling(path: EntryPath): Promise<EntryPath> {
    return askIndex(this.options.engine, (engine) => engine.reader.spelling(path));
  }

  async *list(folder: EntryRow): AsyncGenerator<readonly EntryRow[]> {
    let after: string | null = '';
    while (after !== null) {
      const from: string = after;
      const page = await askIndex(this.options.engine, ({ reader }) => reader.list(folder.id, from, listPageRows));
      if (page.rows.length > 0) yield page.rows;
      after = page.next;
      // A reader that takes all at once would never let the event loop turn.
      if (after !== null) await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  async properties(entry: EntryRow): Promise<PropertyRow[]> {
    if (!entry.hasProperties) return [];
    return askIndex(this.options.engine, (engine) => engine.reader.properties(entry.id));
  }

  async locks(path: EntryPath): Promise<LockRow[]> {
    return askIndex(this.options.engine, (engine) => engine.reader.locksCovering(path, this.options.clock.now()));
  }

  async space(): Promise<SpaceReport> {
    return askIndex(this.options.engine, (engine) => engine.space());
  }

  async open(path: EntryPath): Promise<ContentReader> {
    return askIndex(this.options.engine, (engine) => engine.open(path));
  }

  async upload({ under, ...options }: UploadOptions): Promise<UploadSession> {
    const isTransient = (error: unknown): boolean => hasCode(error, 'UNAVAILABLE');
    const path = options.path ?? under?.path;
    const session = await this.retrying((engine) => engine.upload({ ...options, path }), isTransient, options.signal);
    if (under) session.onceEnded(keepLocks(this, { clock: this.options.clock, ...under }));
    return session;
  }

  async put(
    path: EntryPath,
    content: UploadedContent,
    options: PutOptions & { readonly replaces?: ContentId | undefined },
  ): Promise<{ readonly created: boolean; readonly entry: EntryRow }> {
    const { staged, chunks, session } = content as FinishedUpload;
    const engine = await this.options.engine();
    // Judged after the wait: the engine may be another one than the upload began with.
    if (session.hasEnded) {
      throw new DriveError('UNAVAILABLE', {
        message: 'the volume was reopened during the upload',
        hint: 'send the file again',
      });
    }
    const { modified, properties, replaces } = options;
    const result = await engine.change(
      {
        kind: 'put',
        path,
        content: staged,
        copies: session.wanted,
        modified,
        properties,
        replaces,
        ...this.base(options),
      },
      chunks,
    );
    session.end();
    return { created: result.created ?? false, entry: result.entry! };
  }

  async amend(path: EntryPath, amendment: Amendment, options: PutOptions): Promise<EntryRow> {
    const { id } = requireFile(await this.stat(path));
    const letGo = keepLocks(this, { clock: this.options.clock, path, ...options });
    try {
      const ready = await gatherShortBody(amendment);
      return await this.turns.run(id, () => this.amendNow(path, ready, options));
    } finally {
      letGo();
    }
  }

  async makeFolder(
    path: EntryPath,
    options: ChangeOptions & { readonly modified?: number | undefined },
  ): Promise<EntryRow> {
    const { modified } = options;
    return (await this.change({ kind: 'make-folder', path, modified, ...this.base(options) })).entry!;
  }

  async delete(path: EntryPath, options: ChangeOptions): Promise<void> {
    await this.change({ kind: 'delete', path, ...this.base(options) });
  }

  async move(
    path: EntryPath,
    target: EntryPath,
    options: ChangeOptions & {
      readonly overwrite: boolean;
      readonly locksFollow?: boolean;
      readonly modified?: number | undefined;
    },
  ): Promise<{ readonly created: boolean }> {
    const { overwrite, locksFollow = false, modified } = options;
    const result = await this.change({
      kind: 'move',
      path,
      target,
      overwrite,
      locksFollow,
      modified,
      ...this.base(options),
    });
    return { created: result.created ?? false };
  }

  async copy(
    path: EntryPath,
    target: EntryPath,
    options: ChangeOptions & {
      readonly overwrite: boolean;
      readonly depth: 0 | 'infinity';
      readonly modified?: number | undefined;
    },
  ): Promise<{ readonly created: boolean }> {
    const { overwrite, depth, modified } = options;
    const result = await this.change({ kind: 'copy', path, target, overwrite, depth, modified, ...this.base(options) });
    return { created: result.created ?? false };
  }

  async setProperties(
    path: EntryPath,
    changes: readonly PropertyChange[],
    options: ChangeOptions & {
      readonly times?: { readonly created?: number | undefined; readonly modified?: number | undefined };
    },
  ): Promise<void> {
    await this.change({ kind: 'set-properties', path, changes, times: options.times, ...this.base(options) });
  }

  async lock(
    path: EntryPath,
    options: ChangeOptions & {
      readonly scope: 'exclusive' | 'shared';
      readonly depth: 0 | 'infinity';
      readonly owner: string;
      readonly timeoutMs: number;
    },
  ): Promise<{ readonly created: boolean; readonly entry: EntryRow; readonly lock: LockRow }> {
    const { scope, depth, owner, timeoutMs } = options;
    const token = `opaquelocktoken:${randomUuid(this.options.random)}`;
    const result = await this.change({
      kind: 'lock',
      path,
      token,
      scope,
      depth,
      owner,
      timeoutMs,
      ...this.base(options),
    });
    return { created: result.created ?? false, entry: result.entry!, lock: result.lock! };
  }

  async refreshLock(path: EntryPath, options: ChangeOptions & { readonly timeoutMs: number }): Promise<LockRow> {
    const { timeoutMs } = options;
    return (await this.change({ kind: 'refresh-lock', path, timeoutMs, ...this.base(options) })).lock!;
  }

  async unlock(path: EntryPath, token: string, options: ChangeOptions): Promise<void> {
    await this.change({ kind: 'unlock', path, token, ...this.base(options) });
  }

  async verify(path: EntryPath, options: ChangeOptions & { readonly forWriting: boolean }): Promise<void> {
    const input = { path, forWriting: options.forWriting, ...this.base(options) };
    await askIndex(this.options.engine, (engine) => engine.verify(input));
  }

  private async amendNow(path: EntryPath, amendment: Amendment, options: PutOptions): Promise<EntryRow> {
    const engine = await this.options.engine();
    const base = engine.open(path);
    try {
      const { sizeBytes, signal } = amendment;
      const upload = await this.upload({ path, expectedBytes: sizeBytes, signal });
      try {
        await writeAmended(upload, { base, reader: engine.reader, amendment });
        const replaces = base.entry.content!;
        const { entry } = await this.put(path, await upload.finish(), { ...options, replaces });
        return entry;
      } catch (error) {
        await upload.abort();
        throw error;
      }
    } finally {
      base.close();
    }
  }

  /** Submitted again only when nothing of it can have happened: it was refused before any batch began with it. */
  private change(input: ChangeInput): Promise<Awaited<ReturnType<VolumeEngine['change']>>> {
    const isRefusedForNow = (error: unknown, { refusal }: VolumeEngine): boolean =>
      error === refusal && this.options.isJustStopped?.() === true;
    return this.retrying(
      (engine) => engine.change(input, []),
      (error, engine) => isUntouched(error) || isRefusedForNow(error, engine),
    );
  }

  private async retrying<T>(
    work: (engine: VolumeEngine) => Promise<T>,
    isTransient: (error: unknown, engine: VolumeEngine) => boolean,
    signal?: AbortSignal,
  ): Promise<T> {
    const { clock, retryMs = 0 } = this.options;
    const deadline = clock.monotonic() + retryMs;
    for (;;) {
      const engine = await this.options.engine();
      try {
        return await work(engine);
      } catch (error) {
        if (!isTransient(error, engine) || signal?.aborted || clock.monotonic() >= deadline) throw error;
      }
      await clock.sleep(retryPauseMs, { signal });
    }
  }

  private base(options: ChangeOptions): { principal: string; now: number; conditions?: Conditions } {
    const base = { principal: options.principal ?? '', now: this.options.clock.now() };
    return options.conditions ? { ...base, conditions: options.conditions } : base;
  }
}

/** NOT_FOUND or IS_FOLDER unless a file lies at the path. */
export function requireFile(entry: EntryRow | undefined): EntryRow {
  if (!entry) throw new DriveError('NOT_FOUND');
  if (entry.kind === 'folder') throw new DriveError('IS_FOLDER');
  return entry;
}
