/** Makes changes on a real volume, and reads everything that it holds. */
import type { EntryRow, Volume } from '../../../../../src/volume/volume.js';
import { contentOf } from '../../../tools/seeded.js';
import { type Change, describeItem, digestOf, fileText, modifiedOf } from '../tree.js';

const pieceBytes = 256 * 1024;
const lockMs = 3_600_000;

const pathOf = (path: string): string[] => path.split('/');

/** Resolves when the change is acknowledged. */
export async function change(volume: Volume, wanted: Change): Promise<void> {
  const path = pathOf(wanted.path);
  switch (wanted.kind) {
    case 'put': {
      const upload = await volume.upload({});
      const bytes = contentOf(wanted.key, wanted.sizeBytes);
      try {
        for (let at = 0; at < bytes.length; at += pieceBytes) await upload.write(bytes.subarray(at, at + pieceBytes));
        await volume.put(path, await upload.finish(), { modified: modifiedOf(wanted.key) });
      } finally {
        await upload.abort();
      }
      return;
    }
    case 'folder':
      await volume.makeFolder(path, {});
      return;
    case 'delete':
      await volume.delete(path, {});
      return;
    case 'move':
      await volume.move(path, pathOf(wanted.target), { overwrite: true });
      return;
    case 'copy':
      await volume.copy(path, pathOf(wanted.target), { overwrite: true, depth: 'infinity' });
      return;
    case 'property': {
      const { name, value } = wanted;
      await volume.setProperties(path, [{ namespace: 'urn:test', name, value }], {});
      return;
    }
    case 'lock':
      await volume.lock(path, { scope: 'shared', depth: 0, owner: wanted.owner, timeoutMs: lockMs });
      return;
    case 'unlock': {
      const lock = (await volume.locks(path)).find(({ owner }) => owner === wanted.owner);
      await volume.unlock(path, lock!.token, {});
      return;
    }
  }
}

/**
 * Every entry by path, as `describeItem` puts it; all bytes are read. What cannot be read says so in its place.
 * `folders`: only what lies in these folders of the root.
 */
export async function readAll(volume: Volume, folders?: readonly string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const root = await volume.stat([]);
  if (root) await readFolder(volume, root, [], { found, folders });
  return found;
}

interface Reading {
  readonly found: Record<string, string>;
  readonly folders?: readonly string[] | undefined;
}

async function readFolder(
  volume: Volume,
  folder: EntryRow,
  path: readonly string[],
  { found, folders }: Reading,
): Promise<void> {
  for await (const page of volume.list(folder)) {
    for (const entry of page) {
      if (folders && !folders.includes(entry.name)) continue;
      const below = [...path, entry.name];
      const locks = (await volume.locks(below)).filter((lock) => lock.entry === entry.id);
      const properties = await volume.properties(entry);
      const marks = {
        properties: Object.fromEntries(properties.map(({ name, value }) => [name, value])),
        locks: locks.map(({ owner }) => owner).sort(),
      };
      found[below.join('/')] = describeItem(marks, entry.kind === 'file' ? await readFile(volume, below) : 'folder');
      if (entry.kind === 'folder') await readFolder(volume, entry, below, { found });
    }
  }
}

async function readFile(volume: Volume, path: readonly string[]): Promise<string> {
  try {
    const reader = await volume.open([...path]);
    try {
      const pieces: Buffer[] = [];
      for await (const piece of reader.read({ start: 0, end: reader.sizeBytes })) pieces.push(piece);
      const bytes = Buffer.concat(pieces);
      return fileText(bytes.length, digestOf(bytes), reader.entry.modified);
    } finally {
      reader.close();
    }
  } catch (error) {
    return `unreadable (${(error as Error).message})`;
  }
}
