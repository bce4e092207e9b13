/** A file of a simulated disk: what readers see, what the platter holds, and the writes in between. */
import type { SeededRandom } from './seeded-random.js';
import { SimBytes } from './sim-bytes.js';

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly lengthBytes: number };

export const sectorBytes = 512;

export class SimFile {
  readonly kind = 'file';
  readonly inode: number;
  /** Grows with every change. */
  changes = 1;
  #current = new SimBytes();
  #durable = new SimBytes();
  #unsynced: Change[] = [];
  /** Of these, the first so many were told as synced by a disk that lies. */
  #promised = 0;

  constructor(inode: number) {
    this.inode = inode;
  }

  get sizeBytes(): number {
    return this.#current.length;
  }

  get hasUnsynced(): boolean {
    return this.#unsynced.length > 0;
  }

  read(buffer: Buffer, position: number): number {
    return this.#current.read(buffer, position);
  }

  contents(): Buffer {
    return Buffer.from(this.#current.view());
  }

  /** As readers see it; not to be changed or kept. */
  view(): Buffer {
    return this.#current.view();
  }

  /** What the platter holds; not to be changed or kept. */
  durableView(): Buffer {
    return this.#durable.view();
  }

  write(position: number, bytes: Buffer): void {
    this.changes += 1;
    this.#current.write(position, bytes);
    this.#unsynced.push({ kind: 'write', position, bytes: Buffer.from(bytes) });
  }

  truncate(lengthBytes: number): void {
    this.changes += 1;
    this.#current.resize(lengthBytes);
    this.#unsynced.push({ kind: 'truncate', lengthBytes });
  }

  sync(): void {
    if (this.#unsynced.length === 0) return;
    for (const change of this.#unsynced) applyTo(this.#durable, change);
    this.#unsynced = [];
    this.#promised = 0;
  }

  /** fsync on a disk that lies: to the system all of it is clean, and it lies in the disk's own memory. */
  promise(): void {
    this.#promised = this.#unsynced.length;
  }

  /** fsync fails: the dirty pages are dropped, and readers go on seeing them until the memory is gone. */
  failSync(): void {
    this.#unsynced = this.#unsynced.slice(0, this.#promised);
  }

  /** Something changes on the platter, past all caches. */
  damage(change: (bytes: Buffer) => Buffer): void {
    this.changes += 1;
    const bytes = change(this.contents());
    this.#current = SimBytes.of(bytes);
    this.#durable = SimBytes.of(bytes);
    this.#unsynced = [];
    this.#promised = 0;
  }

  /** The memory is gone: each unsynced write is lost, kept or torn, in any combination; sizes may have grown without data. */
  loseMemory(random: SeededRandom): void {
    this.changes += 1;
    if (this.#unsynced.length === 0) {
      // A failed fsync may have left readers with more than the platter has.
      this.#current = this.#durable.copy();
      return;
    }
    const isWhole = random.chance(0.15);
    const isNothing = !isWhole && random.chance(0.2);
    for (const change of this.#unsynced) {
      if (isWhole) applyTo(this.#durable, change);
      else if (!isNothing) this.#keepSome(change, random);
    }
    this.#unsynced = [];
    this.#promised = 0;
    this.#current = this.#durable.copy();
  }

  /** What the platter holds. */
  durableCopy(): SimFile {
    const file = new SimFile(this.inode);
    file.changes = this.changes;
    file.#durable = this.#durable.copy();
    file.#current = this.#durable.copy();
    return file;
  }

  /** With what is in memory. */
  fork(): SimFile {
    const file = new SimFile(this.inode);
    file.changes = this.changes;
    file.#durable = this.#durable.copy();
    file.#current = this.#current.copy();
    file.#unsynced = [...this.#unsynced];
    file.#promised = this.#promised;
    return file;
  }

  /** Equal for equal contents, as readers see them and as the platter holds them. */
  get hash(): string {
    return this.#unsynced.length === 0 ? this.#current.hash : this.#current.hash + this.#durable.hash;
  }

  #keepSome(change: Change, random: SeededRandom): void {
    const chance = random.next();
    if (chance < 0.3) return;
    if (change.kind === 'truncate' || chance < 0.55) {
      applyTo(this.#durable, change);
      return;
    }
    const end = change.position + change.bytes.length;
    if (chance < 0.65) {
      if (end > this.#durable.length) this.#durable.resize(end);
      return;
    }
    const firstSector = Math.floor(change.position / sectorBytes);
    const lastSector = Math.floor((end - 1) / sectorBytes);
    const prefixSectors = chance < 0.85 ? random.below(lastSector - firstSector + 2) : undefined;
    for (let sector = firstSector; sector <= lastSector; sector++) {
      const isKept = prefixSectors === undefined ? random.chance(0.5) : sector - firstSector < prefixSectors;
      if (!isKept) continue;
      const from = Math.max(change.position, sector * sectorBytes);
      const to = Math.min(end, (sector + 1) * sectorBytes);
      this.#durable.write(from, change.bytes.subarray(from - change.position, to - change.position));
    }
  }
}

function applyTo(bytes: SimBytes, change: Change): void {
  if (change.kind === 'write') bytes.write(change.position, change.bytes);
  else bytes.resize(change.lengthBytes);
}
