/**
 * Which directories may become a node, and making one. This is the only place where a node's folders are made: once,
 * when the node is added, the passport last, so that a directory with a passport is complete.
 */
import { dirname, join, resolve } from 'node:path';
import { DriveError, hasCode } from '../core/errors.js';
import type { FileIo } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';
import { systemPlatform } from '../core/platform.js';
import type { NodeFolder } from './node-store.js';
import { encodePassport, type Passport, passportFileName, readPassport } from './passport.js';

export const nodeFolders: readonly NodeFolder[] = ['segments', 'journal', 'checkpoints', 'attic'];

/** Bears the node's id, so that nothing can be written to the bare mount point of an unplugged disk. */
export function nodeFolderName(node: NodeId): string {
  return `holdfast-${node}`;
}

/** What file systems and desktops put on a disk by themselves. */
const ownOfSystems: ReadonlySet<string> = new Set([
  'lost+found',
  'System Volume Information',
  '$RECYCLE.BIN',
  '.Trashes',
  '.Spotlight-V100',
  '.fseventsd',
  '.DS_Store',
]);
const trashPattern = /^\.Trash-\d+$/;
const nodeFolderPattern = /^holdfast-[0-9a-f]{16}$/;
export const unfinishedPassportName = `${passportFileName}.tmp`;

export type NodeDirectory =
  /** Its last element is absent, its parent is a folder. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'empty' }
  /** A node of the volume already. */
  | { readonly kind: 'node'; readonly passport: Passport };

/** What a node must lie apart from, and what messages call it: `the node at /disk1/hold`. */
export interface OtherPath {
  readonly path: string;
  readonly name: string;
}

export const nodeAt = (path: string): OtherPath => ({ path, name: `the node at ${path}` });
export const volumeAt = (path: string): OtherPath => ({ path, name: `the volume's directory ${path}` });

/**
 * NODE_REFUSED with the safe next step as hint when the directory can be no node: a file, not empty, no parent, of
 * another volume (when `volume` is given), inside any node, or the same as, inside or around one of `otherPaths`
 * (symbolic links and mounts resolved; those that are absent are compared as text). NEWER_FORMAT; I/O errors as they come.
 */
export async function inspectNodeDirectory(
  fileIo: FileIo,
  path: string,
  { volume, otherPaths }: { readonly volume?: string | undefined; readonly otherPaths: readonly OtherPath[] },
): Promise<NodeDirectory> {
  const stat = await fileIo.stat(path);
  if (stat && stat.kind !== 'folder') {
    throw refused(path, 'is not a folder', `choose a folder, for example ${resolve(path, '..', 'holdfast')}`);
  }
  if (!stat) await requireParent(fileIo, path);
  await requireApart(fileIo, path, otherPaths);
  await requireOutsideNodes(fileIo, path);
  if (!stat) return { kind: 'absent' };
  const passport = await passportIn(fileIo, path);
  if (passport) {
    if (volume === undefined || passport.volume === volume) return { kind: 'node', passport };
    const hint = `give this volume a folder of its own, or open the other volume (${passport.volume}) instead`;
    throw refused(path, 'belongs to another volume', hint);
  }
  await requireEmpty(fileIo, path);
  return { kind: 'empty' };
}

/** Makes `path` a node: folders, then the passport, all durable. NODE_REFUSED as above, or when it is a node already. */
export async function initializeNodeDirectory(
  fileIo: FileIo,
  path: string,
  { passport, otherPaths }: { readonly passport: Passport; readonly otherPaths: readonly OtherPath[] },
): Promise<void> {
  const found = await inspectNodeDirectory(fileIo, path, { volume: passport.volume, otherPaths });
  if (found.kind === 'node') {
    throw refused(path, 'is a node of this volume already', 'choose another folder, best on another disk');
  }
  if (found.kind === 'absent') {
    await fileIo.makeFolder(path);
    await fileIo.syncFolder(dirname(resolve(path)));
  }
  const folder = join(path, nodeFolderName(passport.node));
  await fileIo.makeFolder(folder);
  for (const name of nodeFolders) await fileIo.makeFolder(join(folder, name));
  await fileIo.syncFolder(folder);
  await fileIo.syncFolder(path);
  await writePassport(fileIo, path, passport);
}

async function writePassport(fileIo: FileIo, path: string, passport: Passport): Promise<void> {
  const temporary = join(path, unfinishedPassportName);
  if (await fileIo.stat(temporary)) await fileIo.unlink(temporary);
  const file = await fileIo.open(temporary, 'create');
  try {
    await file.write([encodePassport(passport)], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await fileIo.rename(temporary, join(path, passportFileName));
  await fileIo.syncFolder(path);
}

async function requireParent(fileIo: FileIo, path: string): Promise<void> {
  const parent = dirname(resolve(path));
  const stat = await fileIo.stat(parent);
  if (stat?.kind === 'folder') return;
  const hint = stat ? 'choose a path below a folder' : `make ${parent} first, or mount the disk that it belongs to`;
  throw refused(path, `its parent ${parent} is not a folder`, hint);
}

async function requireApart(fileIo: FileIo, path: string, otherPaths: readonly OtherPath[]): Promise<void> {
  const own = await foldersUpward(fileIo, path);
  const ownKey = systemPlatform.pathKey(resolve(path));
  for (const { path: other, name } of otherPaths) {
    const others = await foldersUpward(fileIo, other);
    const otherKey = systemPlatform.pathKey(resolve(other));
    const hint = 'choose a folder outside of all other nodes, best on another disk';
    if (ownKey === otherKey || (own[0] !== undefined && own[0] === others[0])) {
      throw refused(path, `is the same folder as ${name}`, hint);
    }
    const isInside = others[0] !== undefined && own.includes(others[0]);
    if (isInside || systemPlatform.isWithin(otherKey, ownKey)) throw refused(path, `lies inside ${name}`, hint);
    const isAround = own[0] !== undefined && others.includes(own[0]);
    if (isAround || systemPlatform.isWithin(ownKey, otherKey)) throw refused(path, `contains ${name}`, hint);
  }
}

/** Nodes of other volumes included: what looks after their folders would meet strange files, and both lie on one disk. */
async function requireOutsideNodes(fileIo: FileIo, path: string): Promise<void> {
  const start = (await fileIo.stat(path)) ? path : dirname(resolve(path));
  let folder = start === path ? `${path}/..` : start;
  let below: string | undefined;
  for (;;) {
    const stat = await fileIo.stat(folder);
    const identity = stat && `${stat.device}:${stat.inode}`;
    // The root is its own parent; without device numbers one step must do.
    if (identity === undefined || identity === below) return;
    if (await fileIo.stat(`${folder}/${passportFileName}`)) {
      throw refused(path, 'lies inside a node', 'choose a folder outside of all nodes, best on another disk');
    }
    if (!systemPlatform.hasDeviceNumbers) return;
    below = identity;
    folder += '/..';
  }
}

/**
 * Identities of the folder and of all folders above it, as the system walks `..`, so that no link or mount hides that
 * two paths are one. The first is undefined when the folder is absent; empty where the platform has no device numbers.
 */
async function foldersUpward(fileIo: FileIo, path: string): Promise<(string | undefined)[]> {
  if (!systemPlatform.hasDeviceNumbers) return [];
  const first = await fileIo.stat(path);
  const identities: (string | undefined)[] = [first ? `${first.device}:${first.inode}` : undefined];
  let folder = first ? path : dirname(resolve(path));
  if (first) folder += '/..';
  for (;;) {
    const stat = await fileIo.stat(folder);
    const identity = stat && `${stat.device}:${stat.inode}`;
    // The root is its own parent.
    if (identity === undefined || identity === identities.at(-1)) return identities;
    identities.push(identity);
    folder += '/..';
  }
}

async function passportIn(fileIo: FileIo, path: string): Promise<Passport | undefined> {
  try {
    return (await readPassport(fileIo, path)).passport;
  } catch (error) {
    if (hasCode(error, 'FILE_MISSING')) return undefined;
    if (!hasCode(error, 'CORRUPT')) throw error;
    const hint = `this was a node; put its ${passportFileName} back from a copy, or choose another folder`;
    throw refused(path, `its ${passportFileName} is damaged`, hint, error);
  }
}

async function requireEmpty(fileIo: FileIo, path: string): Promise<void> {
  for (const { name, kind } of await fileIo.list(path)) {
    if (ownOfSystems.has(name) || trashPattern.test(name) || name === unfinishedPassportName) continue;
    if (nodeFolderPattern.test(name)) {
      if (kind === 'folder' && (await isUnfinished(fileIo, join(path, name)))) continue;
      const hint = `this was a node: put its ${passportFileName} back from a copy, or choose another folder`;
      throw refused(path, `holds the data of a node (${name}) without its passport`, hint);
    }
    throw refused(
      path,
      `is not empty (it holds ${JSON.stringify(name)})`,
      `use a folder of its own: ${join(path, 'holdfast')}`,
    );
  }
}

/** A node folder that an interrupted initialization left: no file in any of its folders. */
async function isUnfinished(fileIo: FileIo, folder: string): Promise<boolean> {
  for (const item of await fileIo.list(folder)) {
    if (item.kind !== 'folder' || (await fileIo.list(join(folder, item.name))).length > 0) return false;
  }
  return true;
}

function refused(path: string, reason: string, hint: string, cause?: unknown): DriveError {
  return new DriveError('NODE_REFUSED', { message: `${path}: ${reason}`, details: { path, reason }, hint, cause });
}
