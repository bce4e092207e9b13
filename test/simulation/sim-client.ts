/** A client of a simulated drive: random changes in its own folder, the answers kept in its model. */
import { asDriveError, DriveError, hasCode } from '../../src/core/errors.js';
import type { ChangeOptions, EntryRow, Volume } from '../../src/volume/volume.js';
import * as model from './model.js';
import type { SeededRandom } from './seeded-random.js';

/** Outcomes that leave it open whether the change happened. */
const isOpenOutcome = (error: unknown): boolean => hasCode(error, 'UNAVAILABLE', 'CLOSED', 'READ_ONLY', 'INTERNAL');
/** Outcomes that may come at any time and mean that nothing happened. */
const isRefusal = (error: unknown): boolean => hasCode(error, 'OUT_OF_SPACE', 'LIMIT_EXCEEDED', 'ABORTED');

/** What the answer tells beyond what was asked for. */
type Completion = (tree: model.ModelTree) => model.ModelTree;

const names = ['x', 'y', 'z'];
/** More than these, and the next change is a deletion: a crash state must be cheap to look at. */
const mostEntries = 8;
const hourMs = 3_600_000;

export class SimClient {
  readonly model: model.ModelClient;
  readonly #random: SeededRandom;
  readonly #trace: (line: string) => void;
  /** Of the wall. */
  readonly #now: () => number;
  acknowledged = 0;
  locked = 0;

  constructor(
    name: string,
    options: {
      readonly random: SeededRandom;
      readonly now: () => number;
      readonly trace: (line: string) => void;
    },
  ) {
    this.model = new model.ModelClient(name);
    this.#random = options.random;
    this.#now = options.now;
    this.#trace = options.trace;
  }

  /** Up to `count` changes; stops when one got no answer. Rejects when the drive did what it must not. */
  async work(volume: Volume, count: number): Promise<void> {
    for (let left = count; left > 0 && this.model.maybe === undefined; left--) await this.#change(volume);
  }

  /** The tree as the drive shows it. `unreadable`: files whose bytes could not be read. */
  async look(volume: Volume): Promise<{ seen: model.ModelTree; unreadable: string[] }> {
    const tree = new Map<string, model.ModelEntry>();
    const unreadable: string[] = [];
    const root = await volume.stat([this.model.name]);
    if (root) await this.#walk(volume, root, [], tree, unreadable);
    return { seen: tree, unreadable };
  }

  async #walk(
    volume: Volume,
    folder: EntryRow,
    path: readonly string[],
    tree: Map<string, model.ModelEntry>,
    unreadable: string[],
  ): Promise<void> {
    const mayBeLocked = this.model.mayHoldLocks || path.length === 0;
    for await (const page of volume.list(folder)) {
      for (const entry of page) {
        const inner = [...path, entry.name];
        const properties = new Map((await volume.properties(entry)).map(({ name, value }) => [name, value]));
        const lock = mayBeLocked ? await lockOf(volume, [this.model.name, ...inner]) : undefined;
        if (entry.kind === 'folder') {
          tree.set(inner.join('/'), { kind: 'folder', hash: '', sizeBytes: 0, properties, lock });
          await this.#walk(volume, entry, inner, tree, unreadable);
          continue;
        }
        const { sizeBytes, modified } = entry;
        let hash = '';
        try {
          hash = model.hashOf(await readFile(volume, [this.model.name, ...inner], entry));
        } catch (error) {
          if (!hasCode(error, 'DAMAGED', 'UNAVAILABLE')) throw error;
          unreadable.push(`${this.model.name}/${inner.join('/')}: ${error.message}`);
        }
        tree.set(inner.join('/'), { kind: 'file', hash, sizeBytes, modified, properties, lock });
      }
    }
  }

  async #change(volume: Volume): Promise<void> {
    const { tree } = this.model;
    const chance = this.#random.next();
    const paths = [...tree.keys()];
    const files = paths.filter((path) => tree.get(path)!.kind === 'file');
    if (paths.length === 0 && !(await this.#hasFolder(volume))) return;
    if ((chance < 0.45 && paths.length < mostEntries) || paths.length === 0)
      return this.#put(volume, this.#newPath(files));
    const path = this.#random.pick(paths);
    if (chance < 0.53 && paths.length < mostEntries) return this.#make(volume);
    if (chance < 0.65 || paths.length >= mostEntries) {
      const after = model.remove(tree, path);
      return this.#attempt(`delete ${path}`, after, () => volume.delete(this.#full(path), this.#options()));
    }
    if (chance < 0.82) return this.#moveOrCopy(volume, path, chance < 0.75);
    if (chance < 0.92) return this.#lockOrUnlock(volume, path);
    const value = `<v>${this.#random.below(1000)}</v>`;
    const change = { namespace: 'sim:', name: this.#random.pick(names), value };
    const after = model.setProperty(tree, path, change.name, value);
    return this.#attempt(`property ${path}`, after, () =>
      volume.setProperties(this.#full(path), [change], this.#options()),
    );
  }

  /** All own locks are submitted, each for the entry that bears it. */
  #options(): ChangeOptions {
    const locks = model.locksOf(this.model.tree, this.#now());
    if (locks.length === 0) return {};
    const ifLists = locks.map(([path, { token }]) => ({
      resource: this.#full(path),
      conditions: [{ not: false, kind: 'token' as const, value: token! }],
    }));
    return { conditions: { ifLists } };
  }

  async #lockOrUnlock(volume: Volume, path: string): Promise<void> {
    const { tree } = this.model;
    const held = model.locksOf(tree, this.#now());
    const own = held.find(([locked]) => locked === path)?.[1];
    if (own) {
      if (this.#random.chance(0.4)) return this.#intrude(volume, path);
      if (this.#random.chance(0.5)) {
        return this.#attempt(`unlock ${path}`, model.setLock(tree, path, undefined), () =>
          volume.unlock(this.#full(path), own.token!, {}),
        );
      }
      const conditions = { ifLists: [{ resource: 'request' as const, conditions: tokenIs(own.token!) }] };
      const after = model.setLock(tree, path, { token: own.token, expires: undefined });
      const timeoutMs = hourMs * (1 + this.#random.below(3));
      return this.#attempt(`refresh the lock of ${path}`, after, async () => {
        const lock = await volume.refreshLock(this.#full(path), { conditions, timeoutMs });
        return (known: model.ModelTree) => model.setLock(known, path, lock);
      });
    }
    if (held.some(([other]) => model.isAtOrBelow(other, path) || model.isAtOrBelow(path, other))) return;
    const depth = tree.get(path)!.kind === 'folder' ? ('infinity' as const) : (0 as const);
    const after = model.setLock(tree, path, { token: undefined, expires: undefined });
    await this.#attempt(`lock ${path}`, after, async () => {
      const timeoutMs = hourMs;
      const request = { scope: 'exclusive' as const, depth, owner: '<o/>', timeoutMs };
      const { lock } = await volume.lock(this.#full(path), request);
      this.locked++;
      return (known: model.ModelTree) => model.setLock(known, path, lock);
    });
  }

  /** Somebody else changes what is locked: that must be refused. */
  async #intrude(volume: Volume, path: string): Promise<void> {
    const change = { namespace: 'sim:', name: 'intruder', value: 'x' };
    try {
      await volume.setProperties(this.#full(path), [change], {});
    } catch (error) {
      if (hasCode(error, 'LOCKED') || isOpenOutcome(error) || isRefusal(error)) return;
      throw error;
    }
    throw new DriveError('INTERNAL', { message: `the lock of ${this.model.name}/${path} did not hold` });
  }

  async #hasFolder(volume: Volume): Promise<boolean> {
    if (await volume.stat([this.model.name])) return true;
    try {
      await volume.makeFolder([this.model.name], {});
      return true;
    } catch (error) {
      if (!isOpenOutcome(error) && !isRefusal(error)) throw error;
      return false;
    }
  }

  #put(volume: Volume, path: string): Promise<void> {
    const bytes = this.#content();
    const after = model.putFile(this.model.tree, path, bytes);
    return this.#attempt(`put ${path} (${bytes.length} bytes)`, after, async () => {
      const upload = await volume.upload({ expectedBytes: bytes.length });
      try {
        for (let at = 0; at < bytes.length; at += 50_000) await upload.write(bytes.subarray(at, at + 50_000));
        const { entry } = await volume.put(this.#full(path), await upload.finish(), this.#options());
        return (tree: model.ModelTree) => model.setModified(tree, path, entry.modified);
      } finally {
        await upload.abort();
      }
    });
  }

  async #make(volume: Volume): Promise<void> {
    const path = this.#newPath([]);
    if (this.model.tree.has(path)) return;
    await this.#attempt(`make folder ${path}`, model.makeFolder(this.model.tree, path), () =>
      volume.makeFolder(this.#full(path), this.#options()),
    );
  }

  async #moveOrCopy(volume: Volume, path: string, isMove: boolean): Promise<void> {
    const { tree } = this.model;
    const target = this.#newPath([...tree.keys()].filter((other) => tree.get(other)!.kind === 'file'));
    if (model.isAtOrBelow(target, path) || model.isAtOrBelow(path, target)) return;
    // What becomes of the locks there is told by other tests.
    const held = model.locksOf(tree, this.#now());
    if (held.some(([locked]) => model.isAtOrBelow(locked, target) || (isMove && model.isAtOrBelow(locked, path))))
      return;
    if (isMove) {
      await this.#attempt(`move ${path} to ${target}`, model.move(tree, path, target), () =>
        volume.move(this.#full(path), this.#full(target), { overwrite: true, ...this.#options() }),
      );
    } else {
      await this.#attempt(`copy ${path} to ${target}`, model.copy(tree, path, target), () =>
        volume.copy(this.#full(path), this.#full(target), { overwrite: true, depth: 'infinity', ...this.#options() }),
      );
    }
  }

  async #attempt(what: string, after: model.ModelTree, work: () => Promise<unknown>): Promise<void> {
    this.#trace(`${this.model.name}: ${what}`);
    this.model.maybe = after;
    let answer: unknown;
    try {
      answer = await work();
    } catch (cause) {
      const error = asDriveError(cause);
      this.#trace(`${this.model.name}: ${what}: ${error.code} ${error.message}`);
      if (isOpenOutcome(error)) return;
      if (!isRefusal(error) && !(error.code === 'LOCKED' && this.model.mayHoldLocks)) {
        throw new DriveError('INTERNAL', { message: `${what} failed with ${error.code}: ${error.message}`, cause });
      }
      this.model.maybe = undefined;
      return;
    }
    this.#trace(`${this.model.name}: ${what}: acknowledged`);
    this.acknowledged++;
    this.model.tree = typeof answer === 'function' ? (answer as Completion)(after) : after;
    this.model.maybe = undefined;
  }

  /** A path that is free, or one of `existing`, below folders that exist. */
  #newPath(existing: readonly string[]): string {
    if (existing.length > 0 && this.#random.chance(0.5)) return this.#random.pick(existing);
    const folders = [...this.model.tree].filter(([, entry]) => entry.kind === 'folder').map(([path]) => path);
    const shallow = folders.filter((path) => path.split('/').length < 3);
    const parent = shallow.length > 0 && this.#random.chance(0.6) ? `${this.#random.pick(shallow)}/` : '';
    const path = parent + this.#random.pick(names) + this.#random.below(4);
    return this.model.tree.get(path)?.kind === 'folder' ? this.#newPath(existing) : path;
  }

  #content(): Buffer {
    const chance = this.#random.next();
    let size = this.#random.below(3_000);
    if (chance < 0.1) size = this.#random.below(30_000);
    else if (chance < 0.115) size = this.#random.below(200_000);
    else if (chance < 0.117) size = 1_048_576 + this.#random.below(100_000);
    // Some bytes are equal to others': duplicates are stored once.
    const seed = this.#random.chance(0.2) ? 7 : this.#random.below(1_000_000);
    const bytes = Buffer.alloc(size, `content ${seed} `);
    return bytes;
  }

  #full(path: string): string[] {
    return [this.model.name, ...path.split('/')];
  }
}

async function readFile(volume: Volume, path: readonly string[], entry: EntryRow): Promise<Buffer> {
  const reader = await volume.open(path);
  try {
    const parts: Buffer[] = [];
    for await (const part of reader.read({ start: 0, end: entry.sizeBytes })) parts.push(Buffer.from(part));
    return Buffer.concat(parts);
  } finally {
    reader.close();
  }
}

const tokenIs = (value: string) => [{ not: false, kind: 'token' as const, value }];

async function lockOf(volume: Volume, path: readonly string[]): Promise<model.ModelLock | undefined> {
  const rows = await volume.locks(path);
  return rows.find((row) => row.path.length === path.length);
}
