/**
 * Disks as a power cut could have left them. What a disk was told to flush is there. Of what came after its last flush,
 * each write is there, torn between sectors, or lost, in any combination. Moments have to come in order: images are
 * built on each other.
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Chance } from '../../tools/seeded.js';
import { type BlockEntry, BlockLog, sectorBytes } from './block-log.js';

/** How much of what was not flushed survives. 'lying': nothing, and the disk had ignored its last flushes as well. */
export type Cut = 'mixed' | 'all-lost' | 'all-kept' | 'lying';

/** A lying disk goes back to a flush at least this many entries ago: its file system is sound, and old. */
const lyingEntries = 100;
const pageBytes = 4096;
const pagesRead = 256;

export class CrashDisk {
  readonly #log: BlockLog;
  /** All entries before `#applied`. Only pages in use take memory: each program that is started costs in proportion to it. */
  readonly #durable: Buffer;
  /** Pages that hold something, so that images stay sparse. */
  readonly #used: Uint8Array;
  #applied = 0;

  constructor(folder: string, name: string) {
    this.#log = new BlockLog(join(folder, `${name}.log`));
    this.#log.verify();
    const base = openSync(join(folder, `${name}.base`), 'r');
    this.#durable = Buffer.alloc(fstatSync(base).size);
    this.#used = new Uint8Array(this.#durable.length / pageBytes);
    this.#readUsed(base);
    closeSync(base);
  }

  /** Writes the image of a cut after `entries` entries; how many entries were in doubt. */
  write(image: string, entries: number, cut: Cut, chance: Chance): number {
    const safe = this.#safeEntries(entries, cut);
    if (safe < this.#applied) throw new Error('moments must come in order');
    for (; this.#applied < safe; this.#applied++) this.#apply(this.#log.entries[this.#applied]!);
    const file = openSync(image, 'w');
    try {
      ftruncateSync(file, this.#durable.length);
      this.#writeUsed(file);
      for (let number = safe; number < entries; number++) {
        const entry = this.#log.entries[number]!;
        for (const [from, to] of survivors(entry, cut, chance)) {
          writeSync(file, this.#log.data(entry), from, to - from, entry.position + from);
        }
      }
    } finally {
      closeSync(file);
    }
    return entries - safe;
  }

  /** Whether a write was under way, or done and not flushed. */
  isInDoubt(entries: number): boolean {
    return entries > this.#safeEntries(entries, 'mixed');
  }

  close(): void {
    this.#log.close();
  }

  #readUsed(file: number): void {
    const zeros = Buffer.alloc(pageBytes);
    const pages = Buffer.alloc(pagesRead * pageBytes);
    for (let at = 0; at < this.#durable.length; at += pages.length) {
      const length = readSync(file, pages, 0, pages.length, at);
      for (let from = 0; from < length; from += pageBytes) {
        const page = pages.subarray(from, from + pageBytes);
        if (page.equals(zeros)) continue;
        page.copy(this.#durable, at + from);
        this.#used[(at + from) / pageBytes] = 1;
      }
    }
  }

  #safeEntries(entries: number, cut: Cut): number {
    let safe = cut === 'lying' ? Math.max(0, entries - lyingEntries) : entries;
    while (safe > 0 && !this.#log.entries[safe - 1]!.isFlush) safe--;
    return safe;
  }

  #apply(entry: BlockEntry): void {
    this.#log.data(entry).copy(this.#durable, entry.position);
    const end = entry.position + entry.lengthBytes;
    for (let at = entry.position - (entry.position % pageBytes); at < end; at += pageBytes)
      this.#used[at / pageBytes] = 1;
  }

  #writeUsed(file: number): void {
    for (let page = 0; page < this.#used.length; ) {
      let end = page;
      while (this.#used[end] === 1) end++;
      if (end > page) writeSync(file, this.#durable, page * pageBytes, (end - page) * pageBytes, page * pageBytes);
      page = end + 1;
    }
  }
}

/** Byte ranges of the entry's data that reached the disk, at sector boundaries. */
function survivors(entry: BlockEntry, cut: Cut, chance: Chance): [number, number][] {
  const whole: [number, number][] = entry.lengthBytes > 0 ? [[0, entry.lengthBytes]] : [];
  if (entry.isForced || cut === 'all-kept') return whole;
  if (cut === 'all-lost' || cut === 'lying') return [];
  const fate = chance.next();
  if (fate < 0.4) return whole;
  if (fate < 0.8) return [];
  const kept = tornPieces(entry, chance);
  // The only superblock of a file system so small: without it nothing could be mounted, and nothing be learnt.
  return entry.position < pageBytes ? [] : kept;
}

function tornPieces(entry: BlockEntry, chance: Chance): [number, number][] {
  // Half of the torn ones break off, the others have holes.
  const sectors = entry.lengthBytes / sectorBytes;
  if (chance.next() < 0.5) return sectors > 1 ? [[0, chance.between(1, sectors - 1) * sectorBytes]] : [];
  const kept: [number, number][] = [];
  for (let sector = 0; sector < sectors; sector++) {
    if (chance.next() < 0.5) kept.push([sector * sectorBytes, (sector + 1) * sectorBytes]);
  }
  return kept;
}
