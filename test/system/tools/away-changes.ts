/** What happens to the tree while a disk is away: files copied in, overwritten, deleted, a folder renamed. */
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TreeFile, writeTreeFile } from './real-tree.js';
import { KiB } from './requirements.js';
import { Chance } from './seeded.js';

export interface AwayChanges {
  /** All below one folder that is new. */
  readonly added: readonly TreeFile[];
  readonly addedFolder: string;
  readonly overwritten: readonly TreeFile[];
  readonly deleted: readonly TreeFile[];
  readonly renamed: { readonly from: string; readonly to: string };
}

export function planAwayChanges(seed: number, files: readonly TreeFile[]): AwayChanges {
  const chance = new Chance(seed);
  const addedFolder = 'saved while a disk was away';
  const added = Array.from({ length: 500 }, (_, index) => ({
    path: `${addedFolder}/part ${index % 7}/new ${index}.bin`,
    sizeBytes: chance.below(120 * KiB),
  }));
  // Every folder but the one that is renamed, so that the order of the changes does not matter.
  const others = files.filter((file) => !file.path.startsWith('photos/'));
  const chosen = Array.from({ length: 200 }, (_, index) => others[index * Math.floor(others.length / 200)]!);
  return {
    added,
    addedFolder,
    overwritten: chosen.slice(0, 100).map((file) => ({ path: file.path, sizeBytes: chance.between(1, 300 * KiB) })),
    deleted: chosen.slice(100),
    renamed: { from: 'photos', to: 'photos & more' },
  };
}

/** On the local tree that says what the drive must hold in the end. */
export async function applyLocally(root: string, changes: AwayChanges): Promise<void> {
  for (const file of changes.added) await writeTreeFile(root, file);
  for (const file of changes.overwritten) await writeTreeFile(root, file, 1);
  for (const file of changes.deleted) await rm(join(root, file.path));
  await rename(join(root, changes.renamed.from), join(root, changes.renamed.to));
}

/** Copies of the overwritten files alone, as a tree. */
export async function copyOverwritten(root: string, target: string, changes: AwayChanges): Promise<void> {
  for (const file of changes.overwritten) await cp(join(root, file.path), join(target, file.path));
}
