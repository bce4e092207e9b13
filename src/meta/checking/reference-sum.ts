/**
 * Two sets of references are compared by sums over them, without keeping either: chunk ids are hashes, so different sets
 * have equal sums by chance once in 2^128. Which reference differs, the sums do not tell.
 */

/** 32-bit words of a chunk id that are summed, each by itself. */
const words = [0, 4, 8, 12] as const;

export class ReferenceSum {
  readonly #sums = new Uint32Array(words.length);

  /** `times` references to the chunk whose id stands at `at` of `bytes`. */
  add(bytes: Buffer, at: number, { plainBytes, times }: { readonly plainBytes: number; readonly times: number }): void {
    for (let word = 0; word < words.length; word += 1) {
      const mixed = Math.imul(bytes.readInt32LE(at + words[word]!), 2 * plainBytes + 1);
      this.#sums[word]! += Math.imul(mixed, times);
    }
  }

  equals(other: ReferenceSum): boolean {
    return this.#sums.every((sum, word) => sum === other.#sums[word]);
  }
}
