/**
 * What the clients of a simulated drive know: each works in a folder of its own, one change at a time, so that its
 * folder must hold exactly what was acknowledged, or, when a change got no answer, that with the change or without it.
 */
import { createHash } from 'node:crypto';

export interface ModelEntry {
  readonly kind: 'file' | 'folder';
  /** Of a file's bytes; '' for folders. */
  readonly hash: string;
  readonly sizeBytes: number;
  /** Dead properties by name. */
  readonly properties: ReadonlyMap<string, string>;
}

/** Entries by path within the client's folder, such as `x/y`. */
export type ModelTree = ReadonlyMap<string, ModelEntry>;

export const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

const noProperties: ReadonlyMap<string, string> = new Map();

export function putFile(tree: ModelTree, path: string, bytes: Buffer): ModelTree {
  const properties = tree.get(path)?.properties ?? noProperties;
  return new Map(tree).set(path, { kind: 'file', hash: hashOf(bytes), sizeBytes: bytes.length, properties });
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
    if (isAtOrBelow(other, path)) copied.set(target + other.slice(path.length), entry);
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

export function isAtOrBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}

/** One line an entry, for comparing and for people. */
export function describeTree(tree: ModelTree): string {
  return [...tree]
    .map(([path, { kind, hash, sizeBytes, properties }]) => {
      const own = [...properties].sort().map(([name, value]) => `${name}=${value}`);
      return kind === 'folder' ? [`${path}/`, ...own].join(' ') : [path, sizeBytes, hash, ...own].join(' ');
    })
    .sort()
    .join('\n');
}

export class ModelClient {
  readonly name: string;
  tree: ModelTree = new Map();
  /** The tree with the change that got no answer. */
  maybe: ModelTree | undefined;
  /** A file whose bytes could not be read says only so much. */
  isKnown = true;

  constructor(name: string) {
    this.name = name;
  }

  /** The change that was tried is known to have happened, or not; what was seen decides. undefined when it is sound. */
  settle(seen: string): string | undefined {
    if (seen === describeTree(this.tree)) {
      this.maybe = undefined;
      return undefined;
    }
    if (this.maybe && seen === describeTree(this.maybe)) {
      this.tree = this.maybe;
      this.maybe = undefined;
      return undefined;
    }
    return difference(describeTree(this.tree), seen, this.maybe && describeTree(this.maybe));
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
