/**
 * The folders "Recovered from NODE", "Recovered from NODE 2" and so on: where a file goes so that nothing there is ever
 * replaced, and what is there already is not saved twice. Files are saved as any client saves them.
 */
import type { EntryPath } from '../../meta/requests.js';
import type { EntryRow, PropertyRow } from '../../meta/rows.js';
import type { Volume } from '../../volume/volume.js';
import { type ChangedFile, isSame } from './changed-files.js';

export interface FileToSave {
  readonly row: EntryRow;
  readonly properties: readonly PropertyRow[];
  /** undefined in place of bytes that cannot be had. */
  readonly content: AsyncIterable<Buffer | undefined>;
}

/** A name has at most 255 bytes. */
const labelBytes = 200;

export class RecoveredFolders {
  readonly #volume: Volume;
  readonly #name: string;
  readonly #made = new Set<string>();

  constructor(volume: Volume, label: string) {
    this.#volume = volume;
    const letters = [...label.replaceAll('/', '-')];
    while (Buffer.byteLength(letters.join('')) > labelBytes) letters.pop();
    this.#name = `Recovered from ${letters.join('')}`;
  }

  /** Where the file is to be saved; undefined when one of the folders holds it with the same bytes. */
  async placeFor({ path, row }: ChangedFile): Promise<EntryPath | undefined> {
    let free: EntryPath | undefined;
    for (let number = 1; ; number += 1) {
      const folder = number === 1 ? this.#name : `${this.#name} ${number}`;
      const target = [folder, ...path];
      if (!(await this.#volume.stat([folder]))) return free ?? target;
      const there = await this.#volume.stat(target);
      if (isSame(row, there)) return undefined;
      if (!there && free === undefined && (await this.#isFree(target))) free = target;
    }
  }

  /** False, with nothing saved, when some of its bytes cannot be had. */
  async save(target: EntryPath, { row, properties, content }: FileToSave, signal?: AbortSignal): Promise<boolean> {
    const { created, modified, sizeBytes } = row;
    await this.#makeParents(target);
    const upload = await this.#volume.upload({ path: target, expectedBytes: sizeBytes, signal });
    try {
      for await (const bytes of content) {
        if (bytes === undefined) return false;
        await upload.write(bytes);
      }
      const finished = await upload.finish();
      if (finished.sizeBytes !== sizeBytes) return false;
      await this.#volume.put(target, finished, { modified, properties, conditions: { ifNoneMatch: '*' } });
    } finally {
      await upload.abort();
    }
    await this.#volume.setProperties(target, [], { times: { created, modified } });
    return true;
  }

  /** No file stands where one of its folders is to be. */
  async #isFree(target: EntryPath): Promise<boolean> {
    for (let depth = 1; depth < target.length; depth += 1) {
      const entry = await this.#volume.stat(target.slice(0, depth));
      if (!entry) return true;
      if (entry.kind === 'file') return false;
    }
    return true;
  }

  async #makeParents(target: EntryPath): Promise<void> {
    for (let depth = 1; depth < target.length; depth += 1) {
      const folder = target.slice(0, depth);
      const key = folder.join('/');
      if (this.#made.has(key)) continue;
      if (!(await this.#volume.stat(folder))) await this.#volume.makeFolder(folder, {});
      this.#made.add(key);
    }
  }
}
