/** Where the points of a sweep struck: proof that they did, and what is printed at its end. */
import type { TestContext } from 'node:test';

const fileKinds: readonly (readonly [RegExp, string])[] = [
  [/\/segments\/[^/]+\.seg$/, 'segment'],
  [/\/segments\/[^/]+\.tmp$/, 'segment copy'],
  [/\/segments\/SHA256SUMS/, 'hash list'],
  [/\/journal\/[^/]+$/, 'journal'],
  [/\/checkpoints\/[^/]+$/, 'checkpoint'],
  [/\/attic\/[^/]+$/, 'attic'],
  [/\/probe$/, 'probe'],
  [/\/holdfast-node\.json/, 'passport'],
  [/\/index\.db-wal$/, 'wal'],
  [/\/index\.db-shm$/, 'shm'],
  [/\/index\.db-journal$/, 'rollback journal'],
  [/\/index\.db$/, 'index'],
  [/\/index\.db/, 'index aside'],
  [/\/volume\.(lock|json)/, 'volume file'],
];

export class Tally {
  readonly #counts = new Map<string, number>();
  #started = performance.now();
  #points = 0;

  /** What came before was no more than preparation. */
  begin(): void {
    this.#counts.clear();
    this.#points = 0;
    this.#started = performance.now();
  }

  note({ call, path }: { readonly call: string; readonly path: string }): void {
    const kind = fileKinds.find(([pattern]) => pattern.test(path))?.[1] ?? 'folder';
    this.#points += 1;
    const name = `${kind} ${call}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  get points(): number {
    return this.#points;
  }

  /** Points that struck a name such as `journal fsync`. */
  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  tell(context: TestContext, title: string): void {
    const seconds = (performance.now() - this.#started) / 1000;
    const kinds = [...this.#counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${name} ${count}`);
    const pace = (seconds / Math.max(1, this.#points)).toFixed(2);
    context.diagnostic(
      `${title}: ${this.#points} points in ${seconds.toFixed(0)} s (${pace} s each): ${kinds.join(', ')}`,
    );
  }
}
