/**
 * The index of a simulated machine: the real SQLite index in the system's temporary folder, of which a power cut leaves
 * any committed prefix that reaches the last commit made with a full sync. It may also be absent, or stale.
 */
import { copyFileSync, existsSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DriveError } from '../../src/core/errors.js';
import type { Random } from '../../src/core/random.js';
import type { MetaStore, MetaWriter } from '../../src/meta/meta-store.js';
import { openMetaStore } from '../../src/meta/sqlite-meta-store.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimScheduler } from './sim-scheduler.js';

let nextIndex = 1;
/** An index in memory is really a file with a random name; these are the names. */
const prefix = process.pid.toString(16).padStart(8, '0');

interface Committed {
  readonly walBytes: number;
  readonly isFull: boolean;
}

export class SimIndex {
  /** The state between two processes: a copy of the files, or null when there is none. */
  #kept: string | null = null;
  #running: { store: MetaStore; path: string; commits: Committed[] } | undefined;
  readonly #folder: string;
  readonly #closing: Promise<void>[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  get exists(): boolean {
    return this.#kept !== null;
  }

  /** As it was left, or a new one: by the process before, or by this process itself, which closed it. */
  async open(scheduler: SimScheduler): Promise<MetaStore> {
    if (this.#running) {
      const { store, commits, path } = this.#running;
      await store.writer.abort();
      return this.#observed(store, commits, path, scheduler);
    }
    const opened = await this.#openCopy(this.#kept);
    this.#running = opened;
    return this.#observed(opened.store, opened.commits, opened.path, scheduler);
  }

  /** An empty index aside, as a rebuild makes it. `adopt` makes it the index. */
  async openNew(scheduler: SimScheduler): Promise<{ store: MetaStore; adopt: () => void }> {
    const opened = await this.#openCopy(null);
    return {
      store: this.#observed(opened.store, opened.commits, opened.path, scheduler),
      adopt: () => {
        // Closing is real I/O: nobody inside the simulation waits for it.
        if (this.#running) this.#closing.push(this.#running.store.close());
        this.#running = opened;
        opened.commits.length = 0;
        opened.commits.push({ walBytes: sizeOf(`${opened.path}-wal`), isFull: true });
      },
    };
  }

  /** The process ended. What it committed is there; after a power cut only a prefix may be. */
  async end(random: SeededRandom, isPowerCut: boolean): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (!running) return;
    const kept = join(this.#folder, `index-${nextIndex++}.db`);
    copyFileSync(running.path, kept);
    if (existsSync(`${running.path}-wal`)) copyFileSync(`${running.path}-wal`, `${kept}-wal`);
    if (isPowerCut) cutWal(`${kept}-wal`, running.commits, random);
    await running.store.close();
    await Promise.all(this.#closing.splice(0));
    this.#kept = kept;
  }

  lose(): void {
    this.#kept = null;
  }

  state(): string | null {
    return this.#kept;
  }

  putBack(state: string | null): void {
    this.#kept = state;
  }

  async #openCopy(from: string | null): Promise<{ store: MetaStore; path: string; commits: Committed[] }> {
    const name = `${prefix}${(nextIndex++).toString(16).padStart(8, '0')}`;
    const path = join(tmpdir(), `holdfast-index-${name}.db`);
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    if (from !== null) {
      copyFileSync(from, path);
      if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${path}-wal`);
    }
    const named: Random = { bytes: () => Buffer.from(name, 'hex') };
    const store = await openMetaStore({ file: ':memory:', random: named });
    return { store, path, commits: [{ walBytes: sizeOf(`${path}-wal`), isFull: true }] };
  }

  /** Notes each commit, and gives the seed a say before and after each call. */
  #observed(store: MetaStore, commits: Committed[], path: string, scheduler: SimScheduler): MetaStore {
    const pause = () => scheduler.complete(() => undefined);
    let isClosed = false;
    const writer = new Proxy(store.writer, {
      get(target, key) {
        const method = Reflect.get(target, key) as unknown;
        if (typeof method !== 'function') return method;
        const call = method.bind(target) as (...parameters: unknown[]) => unknown;
        if (!waited.has(String(key))) return call;
        return async (...parameters: unknown[]) => {
          await pause();
          if (isClosed) throw new DriveError('CLOSED');
          const result = await call(...parameters);
          if (key !== 'prepare' && key !== 'abort') {
            const isFull = key === 'commit' && (parameters[0] as { full?: boolean }).full === true;
            commits.push({ walBytes: sizeOf(`${path}-wal`), isFull });
          }
          await pause();
          return result;
        };
      },
    });
    const close = async () => {
      isClosed = true;
    };
    return { writer, reader: store.reader, check: () => store.check(), close };
  }
}

const waited: ReadonlySet<string> = new Set<keyof MetaWriter>([
  'prepare',
  'commit',
  'abort',
  'replay',
  'loadCheckpoint',
  'addPlaces',
  'movePlaces',
  'setReplicaStates',
  'setJournaled',
]);

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

function cutWal(path: string, commits: readonly Committed[], random: SeededRandom): void {
  const size = sizeOf(path);
  const floor = commits.findLastIndex(({ isFull }) => isFull);
  const candidates = commits.slice(Math.max(0, floor)).filter(({ walBytes }) => walBytes <= size);
  if (size === 0 || candidates.length === 0) return;
  truncateSync(path, random.pick(candidates).walBytes);
}
