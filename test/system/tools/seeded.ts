/** Chance and file contents that repeat from a seed. */
import { createCipheriv, createHash } from 'node:crypto';

export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 <= value < 1. A 32-bit multiply-and-shift generator; good enough to pick cases, not for anything secret. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** Whole number, 0 <= value < limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new Error('nothing to pick from');
    return choice;
  }
}

/** The seed of this run: HOLDFAST_SEED when given, so that a failure can be repeated. */
export function runSeed(): number {
  const given = Number(process.env.HOLDFAST_SEED);
  return Number.isSafeInteger(given) && given > 0 ? given : (Date.now() % 1_000_000_000) + 1;
}

/** Incompressible bytes that depend on `key` only, in pieces: contents of any size without holding them. */
export function* contentPieces(key: string, sizeBytes: number, pieceBytes = 1024 * 1024): Generator<Buffer> {
  const secret = createHash('sha256').update(key).digest();
  const stream = createCipheriv('aes-128-ctr', secret.subarray(0, 16), secret.subarray(16));
  const zeros = Buffer.alloc(Math.min(pieceBytes, sizeBytes));
  for (let left = sizeBytes; left > 0; left -= zeros.length)
    yield stream.update(zeros.subarray(0, Math.min(left, zeros.length)));
}

export const contentOf = (key: string, sizeBytes: number): Buffer => Buffer.concat([...contentPieces(key, sizeBytes)]);
