/** Growable bytes that are copied only when one of their sharers writes; what was never written reads as zeros. */
import { crc32 } from 'node:zlib';

const nothing = Buffer.alloc(0);

export class SimBytes {
  #buffer: Buffer = nothing;
  #isShared = false;
  #hash: string | undefined;
  length = 0;

  static of(bytes: Buffer): SimBytes {
    const own = new SimBytes();
    own.write(0, bytes);
    return own;
  }

  /** Costs nothing until one of both changes. */
  copy(): SimBytes {
    const twin = new SimBytes();
    this.#isShared = true;
    twin.#buffer = this.#buffer;
    twin.#isShared = true;
    twin.#hash = this.#hash;
    twin.length = this.length;
    return twin;
  }

  /** Of the content; kept until the next change. */
  get hash(): string {
    this.#hash ??= `${crc32(this.view()).toString(36)}.${this.length}`;
    return this.#hash;
  }

  /** Not to be changed, and not to be kept beyond the next change. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  read(target: Buffer, position: number): number {
    const end = Math.min(this.length, position + target.length);
    return end <= position ? 0 : this.#buffer.copy(target, 0, position, end);
  }

  write(position: number, bytes: Buffer): void {
    const end = position + bytes.length;
    if (end > this.length) this.resize(end);
    this.#own(this.length);
    bytes.copy(this.#buffer, position);
  }

  resize(lengthBytes: number): void {
    this.#own(lengthBytes);
    if (lengthBytes < this.length) this.#buffer.fill(0, lengthBytes, this.length);
    this.length = lengthBytes;
  }

  #own(lengthBytes: number): void {
    this.#hash = undefined;
    const isLarge = lengthBytes > this.#buffer.length;
    if (!this.#isShared && !isLarge) return;
    const own = Buffer.alloc(isLarge ? Math.max(lengthBytes, this.#buffer.length * 2) : this.#buffer.length);
    this.#buffer.copy(own, 0, 0, this.length);
    this.#buffer = own;
    this.#isShared = false;
  }
}
