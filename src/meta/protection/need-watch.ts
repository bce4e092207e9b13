/**
 * What may have raised the need of a segment, and in which batch: a new reference to one of its chunks, or a file that
 * came under another setting. Segments are found to need fewer copies by reading a state that is some seconds old
 * (segment-needs.ts); whatever happened since speaks against it. Kept in the writer's memory only: what was read before it
 * was opened is never acted upon.
 */

/** More than can be raised while one pass runs; beyond it nothing is lowered until the next pass. */
const mostSegments = 10_000;

export class NeedWatch {
  #everywhere = 0;
  readonly #segments = new Map<number, number>();

  /** `sequence`: of the batch, or any number above the last batch that was committed before. */
  rose(segment: number, sequence: number): void {
    this.#segments.set(segment, sequence);
    if (this.#segments.size <= mostSegments) return;
    this.#segments.clear();
    this.roseAnywhere(sequence);
  }

  /** It cannot be told cheaply in which segments. */
  roseAnywhere(sequence: number): void {
    this.#everywhere = Math.max(this.#everywhere, sequence);
  }

  /** Whether the need may be greater than it was after the batch `asOf`. */
  mayHaveRisen(segment: number, asOf: number): boolean {
    return this.#everywhere > asOf || (this.#segments.get(segment) ?? 0) > asOf;
  }
}
