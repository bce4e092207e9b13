/**
 * Reads what qemu's blklogwrites wrote: all writes and flushes of a disk in order. The format is that of dm-log-writes:
 * a superblock of one sector, then for each entry a sector with place, length and flags, and behind it the data.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export const sectorBytes = 512;

export interface BlockEntry {
  /** Where on the disk. */
  readonly position: number;
  readonly lengthBytes: number;
  /** Where the data stands in the log. */
  readonly dataAt: number;
  /** All entries before it are on the disk when it was answered. */
  readonly isFlush: boolean;
  /** On the disk itself when it was answered. */
  readonly isForced: boolean;
}

const magic = 0x6a736677736872n;
const flags = { flush: 1n, forced: 2n, discard: 4n, mark: 8n };

export class BlockLog {
  readonly entries: BlockEntry[] = [];
  readonly #file: number;
  readonly #head = Buffer.alloc(32);
  #next = sectorBytes;

  constructor(path: string) {
    this.#file = openSync(path, 'r');
  }

  /**
   * Takes in what was appended; how many entries there are. undefined when one is still to be written while later ones
   * are there: requests overtake each other. Blocks, so that nothing happens meanwhile.
   */
  scan(): number | undefined {
    const { size } = fstatSync(this.#file);
    while (this.#next + sectorBytes <= size) {
      readSync(this.#file, this.#head, 0, 32, this.#next);
      const kind = this.#head.readBigUInt64LE(16);
      const lengthBytes = Number(this.#head.readBigUInt64LE(8)) * sectorBytes;
      if (kind === 0n && lengthBytes === 0) return undefined;
      const holdsData = (kind & (flags.discard | flags.mark)) === 0n;
      const dataAt = this.#next + sectorBytes;
      const end = dataAt + (holdsData ? lengthBytes : 0);
      if (end > size) break;
      this.entries.push({
        position: Number(this.#head.readBigUInt64LE(0)) * sectorBytes,
        // What a discarded range holds afterwards is anybody's guess: what it held before is one.
        lengthBytes: holdsData ? lengthBytes : 0,
        dataAt,
        isFlush: (kind & flags.flush) !== 0n,
        isForced: (kind & flags.forced) !== 0n,
      });
      this.#next = end;
    }
    return this.entries.length;
  }

  data(entry: BlockEntry): Buffer {
    const bytes = Buffer.allocUnsafe(entry.lengthBytes);
    readSync(this.#file, bytes, 0, bytes.length, entry.dataAt);
    return bytes;
  }

  /** Fails when it is no such log, or not all of it was understood. For a log whose disk was unmounted. */
  verify(): void {
    const superblock = Buffer.alloc(28);
    readSync(this.#file, superblock, 0, 28, 0);
    const counted = Number(superblock.readBigUInt64LE(16));
    const isKnown = superblock.readBigUInt64LE(0) === magic && superblock.readBigUInt64LE(8) === 1n;
    if (!isKnown || superblock.readUInt32LE(24) !== sectorBytes) throw new Error('not a log of blklogwrites');
    const found = this.scan();
    if (found !== counted) throw new Error(`${counted} entries are counted, ${found} were found`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
