/** Following a path in the state inside the transaction. */
import { DriveError } from '../../core/errors.js';
import { checkName } from '../name-key.js';
import type { EntryPath } from '../requests.js';
import type { EntryRow } from '../rows.js';
import type { Tables } from '../tables/tables.js';

export interface LocatedPath {
  readonly path: EntryPath;
  /** Entries along the path as far as they exist, root first. */
  readonly chain: readonly EntryRow[];
  /** What the whole path names, if it exists. */
  readonly entry: EntryRow | undefined;
  /** The folder that holds it, or would; undefined for the root and when a parent is missing or a file. */
  readonly parent: EntryRow | undefined;
  /** '' for the root. */
  readonly name: string;
}

export function locatePath(tables: Tables, path: EntryPath): LocatedPath {
  const chain: EntryRow[] = [];
  let at = tables.entries.root();
  for (const name of path) {
    if (at === undefined) break;
    chain.push(at);
    at = at.kind === 'folder' ? tables.entries.child(at.id, name) : undefined;
  }
  const parent = path.length > 0 && chain.length === path.length ? chain.at(-1) : undefined;
  if (at !== undefined) chain.push(at);
  return { path, chain, entry: at, parent: parent?.kind === 'folder' ? parent : undefined, name: path.at(-1) ?? '' };
}

/** The same for a path that a change names: INVALID_NAME when no entry could ever be there. */
export function locateForChange(tables: Tables, path: EntryPath): LocatedPath {
  for (const name of path) checkName(name);
  return locatePath(tables, path);
}

/**
 * The path as the entries are spelled that Windows means by it (windows-names.ts): what is there exactly is left alone,
 * and so is everything from the first name on that nothing is like.
 */
export function spelledPath(tables: Tables, path: EntryPath): EntryPath {
  const spelled = [...path];
  let at = tables.entries.root();
  for (const [index, name] of path.entries()) {
    if (at?.kind !== 'folder') break;
    const exact = tables.entries.child(at.id, name);
    at = exact ?? tables.entries.childAlike(at.id, name);
    if (at !== undefined && exact === undefined) spelled[index] = at.name;
  }
  return spelled;
}

/** Where the folder of the path stands, for locks that protect its members. */
export function parentPath(located: LocatedPath): LocatedPath {
  const { path, chain } = located;
  const parentChain = chain.slice(0, Math.max(path.length, 1));
  const entry = chain.length >= path.length ? parentChain.at(-1) : undefined;
  return { path: path.slice(0, -1), chain: parentChain, entry, parent: undefined, name: path.at(-2) ?? '' };
}

export function requireEntry(located: LocatedPath): EntryRow {
  if (located.entry === undefined) throw new DriveError('NOT_FOUND', { details: { path: located.path } });
  return located.entry;
}

export function requireParent(located: LocatedPath): EntryRow {
  if (located.parent === undefined) throw new DriveError('PARENT_MISSING', { details: { path: located.path } });
  return located.parent;
}
