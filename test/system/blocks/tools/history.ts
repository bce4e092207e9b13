/**
 * What one client does in its own folder, planned from a seed: changes one after the other, each with the tree that must
 * be there after it. So after a crash the folder must be as after the last acknowledged change, or as after the one
 * that was under way.
 */
import { createHash } from 'node:crypto';
import type { Conditions, Volume } from '../../../../src/volume/volume.js';
import { MiB } from '../../tools/requirements.js';
import { Chance, contentOf } from '../../tools/seeded.js';

/** A folder or file and all that is to be seen of it, as text: two trees are compared by these. */
export type Tree = ReadonlyMap<string, string>;

export interface Step {
  readonly does: string;
  readonly after: Tree;
  run(volume: Volume): Promise<void>;
}

interface Item {
  readonly content: string | null;
  readonly color: string;
  readonly lockOwner: string;
}

type Items = Map<string, Item>;
type Plan = (items: Items, name: string) => Omit<Step, 'after'>;

const bigBytes = 2 * MiB + 1234;
const smallBytes = 6000;
const lockMs = 24 * 3_600_000;
const property = { namespace: 'test:', name: 'color' };

export class History {
  readonly folder: string;
  readonly steps: Step[] = [];
  readonly #chance: Chance;
  readonly #items: Items = new Map();
  /** Of DAV locks, by path; known once they were answered. */
  readonly #tokens = new Map<string, string>();

  constructor(folder: string, seed: number, length: number) {
    this.folder = folder;
    this.#chance = new Chance(seed);
    this.#add((items) => {
      items.set('', { content: null, color: '', lockOwner: '' });
      return { does: 'make folder', run: async (volume) => void (await volume.makeFolder([folder], {})) };
    });
    while (this.steps.length < length) {
      // Each round holds every kind of change; what a round leaves, the next one overwrites or deletes.
      for (const plan of this.#round()) if (this.steps.length < length) this.#add(plan);
    }
  }

  #add(plan: Plan): void {
    const step = plan(this.#items, String(this.steps.length));
    const after = new Map([...this.#items].map(([path, item]) => [path, describe(item)]));
    this.steps.push({ ...step, after });
  }

  #round(): Plan[] {
    const tree = `tree ${this.#chance.below(3)}`;
    return [
      (items, name) => this.#put(items, `small ${this.#chance.below(6)}`, name, this.#chance.between(0, smallBytes)),
      (items, name) => this.#put(items, `big ${this.#chance.below(2)}`, name, bigBytes),
      (items) => this.#put(items, this.#anyFile(items), 'over', this.#chance.between(1, smallBytes)),
      (items) => this.#makeFolder(items, tree),
      (items, name) => this.#put(items, `${tree}/one`, name, smallBytes),
      (items, name) => this.#put(items, `${tree}/two`, name, this.#chance.between(1, 200_000)),
      (items) => this.#copy(items, this.#anyFile(items), `${tree}/copy`),
      (items) => this.#colour(items, this.#anyFile(items)),
      (items) => this.#copy(items, tree, `${tree} again`),
      (items) => this.#lock(items, 'locked'),
      (items) => this.#put(items, 'locked', 'under lock', smallBytes),
      (items) => this.#move(items, `${tree}/one`, this.#anyFile(items)),
      (items) => this.#unlock(items, 'locked'),
      (items) => this.#delete(items, tree),
      (items) => this.#delete(items, this.#anyFile(items)),
    ];
  }

  #anyFile(items: Items): string {
    const files = [...items]
      .filter(([path, { content }]) => content !== null && path !== 'locked')
      .map(([path]) => path);
    return this.#chance.pick(files);
  }

  #put(items: Items, path: string, version: string, sizeBytes: number): Omit<Step, 'after'> {
    const key = `${this.folder} ${path} ${version} ${this.steps.length}`;
    const before = items.get(path);
    items.set(path, { color: '', lockOwner: '', ...before, content: digest(contentOf(key, sizeBytes)) });
    return {
      does: `put ${path} (${sizeBytes})`,
      run: async (volume) => {
        const bytes = contentOf(key, sizeBytes);
        const upload = await volume.upload({ expectedBytes: sizeBytes });
        try {
          for (let at = 0; at < sizeBytes; at += MiB / 2) await upload.write(bytes.subarray(at, at + MiB / 2));
          const options = { conditions: this.#conditions(path) };
          await volume.put(this.#names(path), await upload.finish(), options);
        } finally {
          await upload.abort();
        }
      },
    };
  }

  #makeFolder(items: Items, path: string): Omit<Step, 'after'> {
    for (const below of pathsBelow(items, path)) items.delete(below);
    const wasThere = items.delete(path);
    items.set(path, { content: null, color: '', lockOwner: '' });
    return {
      does: `make folder ${path}`,
      run: async (volume) => {
        if (wasThere) throw new Error(`${path} is left over from the round before`);
        await volume.makeFolder(this.#names(path), {});
      },
    };
  }

  #copy(items: Items, path: string, target: string): Omit<Step, 'after'> {
    // A folder's copy of the round before is replaced.
    for (const old of [target, ...pathsBelow(items, target)]) items.delete(old);
    for (const from of [path, ...pathsBelow(items, path)]) {
      items.set(target + from.slice(path.length), { ...items.get(from)!, lockOwner: '' });
    }
    return {
      does: `copy ${path} to ${target}`,
      run: async (volume) => {
        await volume.copy(this.#names(path), this.#names(target), { overwrite: true, depth: 'infinity' });
      },
    };
  }

  #move(items: Items, path: string, target: string): Omit<Step, 'after'> {
    if (path === target) return this.#colour(items, path);
    items.set(target, items.get(path)!);
    items.delete(path);
    return {
      does: `move ${path} over ${target}`,
      run: async (volume) => void (await volume.move(this.#names(path), this.#names(target), { overwrite: true })),
    };
  }

  #delete(items: Items, path: string): Omit<Step, 'after'> {
    for (const old of [path, ...pathsBelow(items, path)]) items.delete(old);
    return { does: `delete ${path}`, run: (volume) => volume.delete(this.#names(path), {}) };
  }

  #colour(items: Items, path: string): Omit<Step, 'after'> {
    const value = `<color xmlns="test:">${this.steps.length}</color>`;
    items.set(path, { ...items.get(path)!, color: value });
    return {
      does: `set a property of ${path}`,
      run: (volume) => volume.setProperties(this.#names(path), [{ ...property, value }], {}),
    };
  }

  /** Makes an empty file where none is. */
  #lock(items: Items, path: string): Omit<Step, 'after'> {
    const owner = `step ${this.steps.length}`;
    items.set(path, { content: digest(Buffer.alloc(0)), color: '', ...items.get(path), lockOwner: owner });
    return {
      does: `lock ${path}`,
      run: async (volume) => {
        const request = { scope: 'exclusive', depth: 0, owner, timeoutMs: lockMs } as const;
        this.#tokens.set(path, (await volume.lock(this.#names(path), request)).lock.token);
      },
    };
  }

  #unlock(items: Items, path: string): Omit<Step, 'after'> {
    items.set(path, { ...items.get(path)!, lockOwner: '' });
    return {
      does: `unlock ${path}`,
      run: async (volume) => {
        await volume.unlock(this.#names(path), this.#tokens.get(path) ?? '', {});
        this.#tokens.delete(path);
      },
    };
  }

  #conditions(path: string): Conditions {
    const token = this.#tokens.get(path);
    if (token === undefined) return {};
    return { ifLists: [{ resource: 'request', conditions: [{ not: false, kind: 'token', value: token }] }] };
  }

  #names(path: string): string[] {
    return [this.folder, ...path.split('/').filter((name) => name !== '')];
  }
}

/** The tree below a client's folder as it is now, every byte read; empty when the folder is absent. */
export async function readTree(volume: Volume, folder: string): Promise<Tree> {
  const tree = new Map<string, string>();
  if (await volume.stat([folder])) await visit(volume, [folder], tree);
  return tree;
}

async function visit(volume: Volume, names: string[], tree: Map<string, string>): Promise<void> {
  const entry = await volume.stat(names);
  if (!entry) throw new Error(`${names.join('/')} is listed but absent`);
  const colors = (await volume.properties(entry)).map(({ value }) => value);
  const owners = (await volume.locks(names)).map(({ owner }) => owner);
  const content = entry.kind === 'file' ? digest(await readFile(volume, names)) : null;
  tree.set(names.slice(1).join('/'), describe({ content, color: colors.join(), lockOwner: owners.join() }));
  if (entry.kind === 'file') return;
  for await (const page of volume.list(entry)) {
    for (const child of page) await visit(volume, [...names, child.name], tree);
  }
}

export async function readFile(volume: Volume, names: string[]): Promise<Buffer> {
  const reader = await volume.open(names);
  try {
    const parts: Buffer[] = [];
    for await (const part of reader.read({ start: 0, end: reader.sizeBytes })) parts.push(part);
    return Buffer.concat(parts);
  } finally {
    reader.close();
  }
}

/** Lines on which they differ. */
export function differences(expected: Tree, found: Tree): string[] {
  const paths = [...new Set([...expected.keys(), ...found.keys()])].sort();
  return paths
    .filter((path) => expected.get(path) !== found.get(path))
    .map((path) => `"${path}" is ${found.get(path) ?? 'absent'}, not ${expected.get(path) ?? 'absent'}`);
}

const pathsBelow = (items: Items, path: string): string[] =>
  [...items.keys()].filter((other) => other.startsWith(`${path}/`));

const describe = ({ content, color, lockOwner }: Item): string => JSON.stringify([content, color, lockOwner]);

const digest = (bytes: Buffer): string =>
  `${bytes.length}:${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
