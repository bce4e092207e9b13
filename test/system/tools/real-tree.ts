/**
 * A tree like people's own: at least 5,000 files and 1 GiB, from empty files to 64 MiB, deep and wide folders, names
 * that break careless programs. The same for the same seed. No links, no special files.
 */
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GiB, KiB, MiB } from './requirements.js';
import { Chance, contentPieces } from './seeded.js';

export interface TreeFile {
  /** Relative, with '/' between names. */
  readonly path: string;
  readonly sizeBytes: number;
}

export interface TreeShape {
  readonly files: number;
  readonly totalBytes: number;
}

export const realTreeShape: TreeShape = { files: 5200, totalBytes: GiB + 16 * MiB };

// Sizes at which chunking and blocks change their ways, and the big ones.
const notableSizes = [
  ...[0, 1, 64 * KiB - 1, 64 * KiB, 64 * KiB + 1, MiB - 1, MiB, MiB + 1, 2 * MiB, 5 * MiB + 7],
  ...[64 * MiB, 48 * MiB + 3, 32 * MiB, 24 * MiB, 16 * MiB, 16 * MiB + 1],
];

const oddNames = [
  'two  spaces and a trailing dot.',
  '100 % sure.txt',
  'percent%20escaped.txt',
  '#hash & ampersand.txt',
  "it's; a=b, (c) [d] {e} +f @g !h $i ~j.txt",
  'question? star* quote" pipe| less< more>.txt',
  'Übergröße Äpfel ß.txt'.normalize('NFC'),
  'Übergröße Öl decomposed.txt'.normalize('NFD'),
  '日本語のファイル.txt',
  'emoji 🦊🏳️‍🌈 family 👨‍👩‍👧.txt',
  '-starts-with-a-dash',
  '.hidden',
  ' leading space.txt',
  'no extension',
  `${'long name '.repeat(19)}0123456789`,
  `${'ö'.normalize('NFC').repeat(98)}.txt`,
];

/** What the tree consists of, folders left implicit (each holds a file). */
export function planTree(seed: number, shape: TreeShape = realTreeShape): TreeFile[] {
  const chance = new Chance(seed);
  const folders = planFolders(chance);
  const sizes = planSizes(chance, shape);
  return sizes.map((sizeBytes, index) => {
    const folder = folders[index % folders.length] ?? '';
    const odd = oddNames[index % 29];
    const name = odd === undefined ? `file ${index} ${chance.below(10_000)}.dat` : prefixed(odd, index);
    return { path: `${folder}/${name}`, sizeBytes };
  });
}

/** Keeps the name within 255 bytes and unique in its folder. */
const prefixed = (name: string, index: number): string =>
  name.startsWith('.') || name.startsWith('-')
    ? `${name}${index}`
    : `${name.startsWith(' ') ? ' ' : ''}${index} ${name.trimStart()}`;

function planFolders(chance: Chance): string[] {
  const folders: string[] = [];
  let deep = 'deep';
  for (let level = 1; level <= 24; level++) {
    deep += `/level ${level}`;
    folders.push(deep);
  }
  for (const odd of oddNames) folders.push(`odd/${prefixed(odd, folders.length)}`);
  for (let index = 0; index < 60; index++)
    folders.push(`photos/20${10 + (index % 16)}/album ${index} ${chance.below(100)}`);
  // Every other file lands in one wide folder.
  return folders.flatMap((folder) => [folder, 'wide']);
}

function planSizes(chance: Chance, shape: TreeShape): number[] {
  const sizes = notableSizes.filter((size) => size <= shape.totalBytes / 8);
  while (sizes.length < shape.files) {
    const kind = chance.next();
    if (kind < 0.02) sizes.push(0);
    else if (kind < 0.75) sizes.push(chance.between(1, 16 * KiB));
    else sizes.push(chance.between(16 * KiB, 160 * KiB));
  }
  // Medium files in place of small ones until the total is reached.
  let total = sizes.reduce((sum, size) => sum + size, 0);
  for (let index = notableSizes.length; total < shape.totalBytes && index < sizes.length; index += 7) {
    const size = chance.between(MiB / 2, 4 * MiB);
    total += size - (sizes[index] ?? 0);
    sizes[index] = size;
  }
  return sizes;
}

/** Contents depend on the path and `version`, so an overwritten file has other bytes. */
export async function writeTreeFile(root: string, file: TreeFile, version = 0): Promise<void> {
  const path = join(root, file.path);
  await mkdir(dirname(path), { recursive: true });
  const handle = await open(path, 'w');
  try {
    for (const piece of contentPieces(`${file.path} ${version}`, file.sizeBytes)) await handle.write(piece);
  } finally {
    await handle.close();
  }
}

export async function writeTree(root: string, files: readonly TreeFile[]): Promise<void> {
  for (const file of files) await writeTreeFile(root, file);
}
