/** Bounds the bytes that many holders keep in memory together; waiters are served in order. */

export class ByteBudget {
  private free: number;
  private readonly limitBytes: number;
  private readonly waiters: { bytes: number; grant: () => void }[] = [];

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.free = limitBytes;
  }

  /** Resolves when `bytes` may be held. More than the whole budget is granted when nobody else holds anything. */
  acquire(bytes: number): Promise<void> {
    const wanted = Math.min(bytes, this.limitBytes);
    if (this.waiters.length === 0 && this.free >= wanted) {
      this.free -= wanted;
      return Promise.resolve();
    }
    return new Promise((grant) => this.waiters.push({ bytes: wanted, grant }));
  }

  release(bytes: number): void {
    this.free += Math.min(bytes, this.limitBytes);
    while (this.waiters.length > 0 && this.free >= this.waiters[0]!.bytes) {
      const next = this.waiters.shift()!;
      this.free -= next.bytes;
      next.grant();
    }
  }
}
