/** Counts of what is in use right now; what is pinned is neither pruned nor retired. */

export class Pins<Key> {
  private readonly counts = new Map<Key, number>();

  add(key: Key): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  remove(key: Key): void {
    const count = this.counts.get(key) ?? 0;
    if (count <= 1) this.counts.delete(key);
    else this.counts.set(key, count - 1);
  }

  keys(): Key[] {
    return [...this.counts.keys()];
  }
}
