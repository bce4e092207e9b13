/** A file of a simulated disk: what readers see, what the platter holds, and the writes in between. */
import type { SeededRandom } from './seeded-random.js';

type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly lengthBytes: number };

export const sectorBytes = 512;

export class SimFile {
  readonly kind = 'file';
  readonly inode: number;
  #current = new Bytes();
  #durable = new Bytes();
  #unsynced: Change[] = [];

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
    const buffer = Buffer.alloc(this.#current.length);
    this.#current.read(buffer, 0);
    return buffer;
  }

  write(position: number, bytes: Buffer): void {
    this.#current.write(position, bytes);
    this.#unsynced.push({ kind: 'write', position, bytes: Buffer.from(bytes) });
  }

  truncate(lengthBytes: number): void {
    this.#current.resize(lengthBytes);
    this.#unsynced.push({ kind: 'truncate', lengthBytes });
  }

  sync(): void {
    for (const change of this.#unsynced) this.#durable.apply(change);
    this.#unsynced = [];
  }

  /** fsync fails: the dirty pages are dropped, and readers go on seeing them until the memory is gone. */
  failSync(): void {
    this.#unsynced = [];
  }

  /** Something changes on the platter, past all caches. */
  damage(change: (bytes: Buffer) => Buffer): void {
    const bytes = change(this.contents());
    this.#current = Bytes.of(bytes);
    this.#durable = Bytes.of(bytes);
    this.#unsynced = [];
  }

  /** The memory is gone: each unsynced write is lost, kept or torn, in any combination; sizes may have grown without data. */
  loseMemory(random: SeededRandom): void {
    const isWhole = random.chance(0.15);
    const isNothing = !isWhole && random.chance(0.2);
    for (const change of this.#unsynced) {
      if (isWhole) this.#durable.apply(change);
      else if (!isNothing) this.#keepSome(change, random);
    }
    this.#unsynced = [];
    this.#current = this.#durable.copy();
  }

  copy(): SimFile {
    const file = new SimFile(this.inode);
    file.#durable = this.#durable.copy();
    file.#current = this.#durable.copy();
    return file;
  }

  #keepSome(change: Change, random: SeededRandom): void {
    const chance = random.next();
    if (chance < 0.3) return;
    if (change.kind === 'truncate' || chance < 0.55) {
      this.#durable.apply(change);
      return;
    }
    const end = change.position + change.bytes.length;
    if (chance < 0.65) {
      this.#durable.grow(end);
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

/** Growable bytes; what was never written reads as zeros. */
class Bytes {
  #buffer: Buffer = Buffer.alloc(0);
  length = 0;

  static of(bytes: Buffer): Bytes {
    const copy = new Bytes();
    copy.write(0, bytes);
    return copy;
  }

  read(target: Buffer, position: number): number {
    const end = Math.min(this.length, position + target.length);
    return end <= position ? 0 : this.#buffer.copy(target, 0, position, end);
  }

  write(position: number, bytes: Buffer): void {
    this.grow(position + bytes.length);
    bytes.copy(this.#buffer, position);
  }

  grow(lengthBytes: number): void {
    if (lengthBytes > this.length) this.resize(lengthBytes);
  }

  resize(lengthBytes: number): void {
    if (lengthBytes > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(lengthBytes, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, this.length);
      this.#buffer = larger;
    }
    if (lengthBytes < this.length) this.#buffer.fill(0, lengthBytes, this.length);
    this.length = lengthBytes;
  }

  apply(change: Change): void {
    if (change.kind === 'write') this.write(change.position, change.bytes);
    else this.resize(change.lengthBytes);
  }

  copy(): Bytes {
    return Bytes.of(this.#buffer.subarray(0, this.length));
  }
}
