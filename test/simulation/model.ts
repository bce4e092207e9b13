/**
 * What the clients of a simulated drive know: each works in a folder of its own, one change at a time, so that its
 * folder must hold exactly what was acknowledged, or, when a change got no answer, that with the change or without it.
 */
import { hash } from 'node:crypto';

export interface ModelEntry {
  readonly kind: 'file' | 'folder';
  /** Of a file's bytes; '' for folders. */
  readonly hash: string;
  readonly sizeBytes: number;
  /** Of files; undefined when no answer told it yet. */
  readonly modified?: number | undefined;
  /** Dead properties by name. */
  readonly properties: ReadonlyMap<string, string>;
  readonly lock?: ModelLock | undefined;
}

/** A DAV lock that the entry itself bears. What a request without an answer made is unknown until it is seen. */
export interface ModelLock {
  readonly token: string | undefined;
  /** Wall clock, milliseconds. */
  readonly expires: number | undefined;
}

/** Entries by path within the client's folder, such as `x/y`. */
export type ModelTree = ReadonlyMap<string, ModelEntry>;

export const hashOf = (bytes: Buffer) => hash('sha256', bytes).slice(0, 16);

const noProperties: ReadonlyMap<string, string> = new Map();

export function putFile(tree: ModelTree, path: string, bytes: Buffer): ModelTree {
  const { properties = noProperties, lock } = tree.get(path) ?? {};
  return new Map(tree).set(path, { kind: 'file', hash: hashOf(bytes), sizeBytes: bytes.length, properties, lock });
}

export function makeFolder(tree: ModelTree, path: string): ModelTree {
  return new Map(tree).set(path, { kind: 'folder', hash: '', sizeBytes: 0, properties: noProperties });
}

export function remove(tree: ModelTree, path: string): ModelTree {
  return new Map([...tree].filter(([other]) => !isAtOrBelow(other, path)));
}

export function copy(tree: ModelTree, path: string, target: string): ModelTree {
  const copied = remove(tree, target) as Map<string, ModelEntry>;
  for (const [other, entry] of tree) {
    if (isAtOrBelow(other, path)) copied.set(target + other.slice(path.length), { ...entry, lock: undefined });
  }
  return copied;
}

export function move(tree: ModelTree, path: string, target: string): ModelTree {
  return remove(copy(tree, path, target), path);
}

export function setProperty(tree: ModelTree, path: string, name: string, value: string): ModelTree {
  const entry = tree.get(path)!;
  return new Map(tree).set(path, { ...entry, properties: new Map(entry.properties).set(name, value) });
}

export function setModified(tree: ModelTree, path: string, modified: number): ModelTree {
  return new Map(tree).set(path, { ...tree.get(path)!, modified });
}

export function setLock(tree: ModelTree, path: string, lock: ModelLock | undefined): ModelTree {
  return new Map(tree).set(path, { ...tree.get(path)!, lock });
}

/** The locks that hold now, by path. */
export function locksOf(tree: ModelTree, now: number): [path: string, lock: ModelLock][] {
  return [...tree].flatMap(([path, { lock }]) =>
    lock && isHeld(lock, now) ? [[path, lock] as [string, ModelLock]] : [],
  );
}

const isHeld = ({ expires }: ModelLock, now: number): boolean => expires === undefined || expires > now;

export function isAtOrBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

/** One line an entry, for comparing and for people. */
export function describeTree(tree: ModelTree, now: number): string {
  return [...tree]
    .map(([path, { kind, hash, sizeBytes, modified, properties, lock }]) => {
      const own = [...properties].sort().map(([name, value]) => `${name}=${value}`);
      if (lock && isHeld(lock, now)) own.push(`locked by ${lock.token} until ${lock.expires}`);
      return kind === 'folder' ? [`${path}/`, ...own].join(' ') : [path, sizeBytes, hash, modified, ...own].join(' ');
    })
    .sort()
    .join('\n');
}

/** Files that could not be read count as what they should be. */
function excused(seen: ModelTree, expected: ModelTree): ModelTree {
  let known = seen;
  for (const [path, entry] of seen) {
    const { hash } = expected.get(path) ?? {};
    if (entry.kind === 'file' && entry.hash === '' && hash) known = new Map(known).set(path, { ...entry, hash });
  }
  return known;
}

/** What is unknown of times and locks becomes what was seen. */
function completed(tree: ModelTree, seen: ModelTree): ModelTree {
  let known = tree;
  for (const [path, { lock, kind, modified }] of tree) {
    const seenTime = seen.get(path)?.modified;
    if (kind === 'file' && modified === undefined && seenTime !== undefined) known = setModified(known, path, seenTime);
    if (!lock || (lock.token !== undefined && lock.expires !== undefined)) continue;
    const found = seen.get(path)?.lock;
    if (found && (lock.token === undefined || lock.token === found.token)) known = setLock(known, path, found);
  }
  return known;
}

export class ModelClient {
  readonly name: string;
  tree: ModelTree = new Map();
  /** The tree with the change that got no answer. */
  maybe: ModelTree | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get mayHoldLocks(): boolean {
    return [this.tree, this.maybe ?? []].some((tree) => [...tree].some(([, { lock }]) => lock !== undefined));
  }

  /** undefined when what was seen is what it must be. */
  judge(seen: ModelTree, now: number): string | undefined {
    return this.matching(seen, now) ? undefined : this.#difference(seen, now);
  }

  /** The change that was tried is known to have happened, or not; what was seen decides. undefined when it is sound. */
  settle(seen: ModelTree, now: number): string | undefined {
    const matching = this.matching(seen, now);
    if (!matching) return this.#difference(seen, now);
    this.tree = matching;
    this.maybe = undefined;
    return undefined;
  }

  matching(seen: ModelTree, now: number): ModelTree | undefined {
    for (const tree of this.#candidates()) {
      const known = completed(tree, seen);
      if (describeTree(excused(seen, tree), now) === describeTree(known, now)) return known;
    }
    return undefined;
  }

  /** A lock that got no answer and is there counts even when it seems to be over: the drive's clock may be behind `now`. */
  #candidates(): ModelTree[] {
    if (!this.maybe) return [this.tree];
    const isLocking = [...this.maybe].some(([, { lock }]) => lock !== undefined && lock.token === undefined);
    return isLocking ? [this.maybe, this.tree] : [this.tree, this.maybe];
  }

  #difference(seen: ModelTree, now: number): string {
    const maybe = this.maybe && describeTree(this.maybe, now);
    return difference(describeTree(this.tree, now), describeTree(seen, now), maybe);
  }
}

function difference(expected: string, seen: string, maybe: string | undefined): string {
  const lines = (text: string) => new Set(text.split('\n').filter((line) => line !== ''));
  const [wanted, found] = [lines(expected), lines(seen)];
  const missing = [...wanted].filter((line) => !found.has(line));
  const extra = [...found].filter((line) => !wanted.has(line));
  const other = maybe === undefined ? '' : ` (or, unanswered: ${maybe.split('\n').join('; ')})`;
  return `missing: ${missing.join('; ') || 'nothing'}; too much: ${extra.join('; ') || 'nothing'}${other}`;
}
