/**
 * Commits of one index, counted in memory that its writer's thread and its readers share: odd while one is under way.
 * So a reader knows, without asking SQLite, that what it read before is still what it would read now.
 */
export class CommitCount {
  /** Can be handed to another thread. */
  readonly shared: SharedArrayBuffer;
  readonly #count: Int32Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared;
    this.#count = new Int32Array(shared);
  }

  /** undefined while a commit is under way: it may be visible already, or not yet. */
  get settled(): number | undefined {
    const count = Atomics.load(this.#count, 0);
    return count % 2 === 0 ? count : undefined;
  }

  /** What `work` commits, or fails to commit, is seen by those who look at the count afterwards. */
  during(work: () => void): void {
    Atomics.add(this.#count, 0, 1);
    try {
      work();
    } finally {
      Atomics.add(this.#count, 0, 1);
    }
  }
}
