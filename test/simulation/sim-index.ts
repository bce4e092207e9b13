/**
 * The index of a simulated machine: the real SQLite index, of which a power cut leaves any committed prefix that
 * reaches the last commit made with a full sync. It may also be absent, or an old one.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DriveError } from '../../src/core/errors.js';
import type { MetaReader, MetaStore, MetaWriter } from '../../src/meta/meta-store.js';
import { openMetaStore } from '../../src/meta/sqlite-meta-store.js';
import { type IndexCommit, IndexSlot, type IndexState, newLine } from './index-slots.js';
import { keptFiles } from './sim-database.js';
import type { SimScheduler } from './sim-scheduler.js';

interface Running {
  readonly slot: IndexSlot;
  readonly path: string;
  readonly store: MetaStore;
  commits: IndexCommit[];
}

/** Slots that nobody uses. */
const free: IndexSlot[] = [];
let empty: IndexState | undefined;

export class SimIndex {
  /** The state between two processes; null when there is none. */
  #kept: IndexState | null;
  #running: Running | undefined;
  /** Only looked at: nobody goes on with what becomes of it. */
  readonly #isGlance: boolean;
  /** Also those that a rebuild gave up. */
  #opened: Running[] = [];

  constructor(kept: IndexState | null = null, { isGlance = false }: { readonly isGlance?: boolean } = {}) {
    this.#kept = kept;
    this.#isGlance = isGlance;
  }

  get exists(): boolean {
    return this.#kept !== null;
  }

  get kept(): IndexState | null {
    return this.#kept;
  }

  /** As it was left, or a new one: by the process before, or by this process itself, which closed it. */
  async open(scheduler: SimScheduler): Promise<MetaStore> {
    if (this.#running) await this.#running.store.writer.abort();
    else this.#running = await this.#begin(this.#kept);
    return this.#observed(this.#running, scheduler);
  }

  /** An empty index aside, as a rebuild makes it. `adopt` makes it the index. */
  async openNew(scheduler: SimScheduler): Promise<{ store: MetaStore; adopt: () => void }> {
    const opened = await this.#begin(null);
    return {
      store: this.#observed(opened, scheduler),
      adopt: () => {
        this.#running = opened;
        opened.commits = [opened.slot.commit(true)];
      },
    };
  }

  /** What may be left if the power were cut now, or the process killed. */
  states(isPowerCut: boolean): (IndexState | null)[] {
    if (!this.#running) return [this.#kept];
    const { slot, commits } = this.#running;
    slot.capture();
    const floor = isPowerCut
      ? Math.max(
          0,
          commits.findLastIndex(({ isFull }) => isFull),
        )
      : commits.length - 1;
    return commits.slice(floor).map((commit) => ({ line: slot.line, commit }));
  }

  /** The process ended. Its state is this one from now on. */
  async end(state: IndexState | null): Promise<void> {
    this.#running = undefined;
    for (const opened of this.#opened) {
      await close(opened);
      if (opened.slot.isFree) free.push(opened.slot);
      else opened.slot.discard();
    }
    this.#opened = [];
    this.#kept = state;
  }

  async #begin(state: IndexState | null): Promise<Running> {
    const shown = state ?? (await emptyState());
    const begun = this.#isGlance ? shown : newLine(shown);
    const at = free.findLastIndex(({ line }) => line === begun.line);
    const slot = free.splice(at, 1)[0] ?? new IndexSlot(); // Without one that has the line already, any will do.
    slot.putBack(begun);
    const opened = await run(slot);
    this.#opened.push(opened);
    return opened;
  }

  /** Notes each commit, and gives the seed a say before and after each call. */
  #observed({ store, slot, commits: _ }: Running, scheduler: SimScheduler): MetaStore {
    const pause = () => scheduler.complete(() => undefined);
    let isClosed = false;
    const writer = new Proxy(store.writer, {
      get: (target, key) => {
        const method = Reflect.get(target, key) as unknown;
        if (typeof method !== 'function') return method;
        const call = method.bind(target) as (...parameters: unknown[]) => unknown;
        if (!waited.has(String(key))) return call;
        return async (...parameters: unknown[]) => {
          await pause();
          if (isClosed) throw new DriveError('CLOSED');
          const result = await call(...parameters);
          if (key !== 'prepare' && key !== 'abort' && this.#running?.slot === slot) {
            const isFull = key === 'commit' && (parameters[0] as { full?: boolean }).full === true;
            this.#running.commits.push(slot.commit(isFull));
          }
          await pause();
          return result;
        };
      },
    });
    const close = async () => {
      isClosed = true;
    };
    const { reader } = store;
    return {
      writer,
      reader,
      check: () => store.check(),
      segmentNeeds: () => store.segmentNeeds(),
      findParts: (query) => store.findParts(query),
      close,
    };
  }
}

let lastIndex = 0;

/** An index in memory is really a file with a random name: that name stands for the slot. */
async function run(slot: IndexSlot): Promise<Running> {
  const name = (++lastIndex).toString(16).padStart(16, '0');
  const path = join(tmpdir(), `holdfast-index-${name}.db`);
  slot.serve(path);
  const store = await openMetaStore({ file: ':memory:', random: { bytes: () => Buffer.from(name, 'hex') } });
  if (!slot.isServed) throw new Error('the simulation is entered through simulate.js');
  return { slot, path, store, commits: [slot.commit(true)] };
}

/** Not by the store's own `close`, which would remove its file: there is none. */
async function close({ store, slot, path }: Running): Promise<void> {
  keptFiles.delete(path);
  (store.reader as MetaReader & { close(): void }).close();
  await store.writer.close();
  slot.release();
}

async function emptyState(): Promise<IndexState> {
  if (!empty) {
    const slot = new IndexSlot();
    await close(await run(slot));
    slot.capture();
    empty = { line: slot.line, commit: slot.commit(true) };
    free.push(slot);
  }
  return empty;
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
