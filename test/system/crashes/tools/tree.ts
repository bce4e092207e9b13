/**
 * What a drive must hold, as plain data that travels between processes, and what each change makes of it. Pure.
 */
import { createHash } from 'node:crypto';
import { contentOf } from '../../tools/seeded.js';

export interface FileItem {
  readonly kind: 'file';
  /** Decides the bytes, with the size. */
  readonly key: string;
  readonly sizeBytes: number;
  readonly modified: number;
  readonly properties: Readonly<Record<string, string>>;
  /** Owners of the DAV locks on it: tokens of changes that were not answered are not known. */
  readonly locks: readonly string[];
}

export interface FolderItem {
  readonly kind: 'folder';
  readonly properties: Readonly<Record<string, string>>;
  readonly locks: readonly string[];
}

export type Item = FileItem | FolderItem;

/** By path, with slashes, without one at the beginning. The root is not listed. */
export type Tree = Readonly<Record<string, Item>>;

export type Change =
  | { readonly kind: 'put'; readonly path: string; readonly key: string; readonly sizeBytes: number }
  | { readonly kind: 'folder' | 'delete'; readonly path: string }
  | { readonly kind: 'move' | 'copy'; readonly path: string; readonly target: string }
  | { readonly kind: 'property'; readonly path: string; readonly name: string; readonly value: string }
  | { readonly kind: 'lock' | 'unlock'; readonly path: string; readonly owner: string };

/** Given with each save, so that times are part of what must come back. */
export const modifiedOf = (key: string): number =>
  1_600_000_000_000 + createHash('sha256').update(key).digest().readUInt32LE();

export function applied(tree: Tree, change: Change): Tree {
  const after: Record<string, Item> = { ...tree };
  const { path } = change;
  const item = after[path];
  switch (change.kind) {
    case 'put': {
      const { key, sizeBytes } = change;
      const { properties = {}, locks = [] } = item ?? {};
      after[path] = { kind: 'file', key, sizeBytes, modified: modifiedOf(key), properties, locks };
      break;
    }
    case 'folder':
      after[path] = { kind: 'folder', properties: {}, locks: [] };
      break;
    case 'delete':
      for (const below of pathsBelow(tree, path)) delete after[below];
      break;
    case 'move':
    case 'copy':
      for (const below of pathsBelow(tree, change.target)) delete after[below];
      for (const below of pathsBelow(tree, path)) {
        const found = tree[below]!;
        if (change.kind === 'move') delete after[below];
        after[change.target + below.slice(path.length)] = { ...found, locks: [] };
      }
      break;
    case 'property':
      after[path] = { ...item!, properties: { ...item!.properties, [change.name]: change.value } };
      break;
    case 'lock':
      after[path] = { ...item!, locks: [...item!.locks, change.owner].sort() };
      break;
    case 'unlock':
      after[path] = { ...item!, locks: item!.locks.filter((owner) => owner !== change.owner) };
      break;
  }
  return after;
}

/** Itself and all below, in order. */
export const pathsBelow = (tree: Tree, path: string): string[] =>
  Object.keys(tree)
    .filter((candidate) => candidate === path || candidate.startsWith(`${path}/`))
    .sort();

/** What lies in these folders of the root, and they. */
export function within(tree: Tree, folders: readonly string[]): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([path]) => folders.includes(path.split('/')[0]!)));
}

/** All that may be found: of changes under way each may have happened or not, in the order in which they began. */
export function possibleTrees(acknowledged: Tree, underWay: readonly Change[]): Tree[] {
  return underWay.reduce<Tree[]>(
    (trees, change) => trees.flatMap((tree) => [tree, applied(tree, change)]),
    [acknowledged],
  );
}

/** One line for each path that is not as expected. */
export function differences(expected: Tree, found: Readonly<Record<string, string>>): string[] {
  const lines: string[] = [];
  for (const path of new Set([...Object.keys(expected), ...Object.keys(found)])) {
    const item = expected[path];
    const wanted = item ? describeExpected(item) : 'absent';
    const seen = found[path] ?? 'absent';
    if (wanted !== seen) lines.push(`${path} is ${seen}, not ${wanted}`);
  }
  return lines;
}

const digests = new Map<string, string>();

function describeExpected(item: Item): string {
  if (item.kind === 'folder') return describeItem(item, 'folder');
  const name = `${item.key} ${item.sizeBytes}`;
  const digest = digests.get(name) ?? digestOf(contentOf(item.key, item.sizeBytes));
  digests.set(name, digest);
  return describeItem(item, fileText(item.sizeBytes, digest, item.modified));
}

export const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

export const fileText = (sizeBytes: number, digest: string, modified: number): string =>
  `file of ${sizeBytes} bytes ${digest} modified ${modified}`;

export function describeItem({ properties, locks }: Omit<FolderItem, 'kind'>, what: string): string {
  const names = Object.keys(properties).sort();
  const texts = [...names.map((name) => `${name}=${properties[name]}`), ...locks.map((owner) => `locked by ${owner}`)];
  return [what, ...texts].join(', ');
}
