import type { Random } from '../../src/core/random.js';

/** The same bytes and numbers for the same seed, for ever. Not for secrets. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  bytes(lengthBytes: number): Buffer {
    const words = new DataView(new ArrayBuffer(4 * Math.ceil(lengthBytes / 4)));
    for (let at = 0; at < lengthBytes; at += 4) words.setUint32(at, this.#next(), true);
    return Buffer.from(words.buffer, 0, lengthBytes);
  }

  /** From 0 to `limit - 1`. */
  integer(limit: number): number {
    return Math.floor((this.#next() / 2 ** 32) * limit);
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)] as T;
  }

  // mulberry32
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let word = this.#state;
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return (word ^ (word >>> 14)) >>> 0;
  }
}
