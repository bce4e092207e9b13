/** How fast copies were made lately, so that a forecast need not guess. Pure. */

/** Less says more about single fsyncs than about disks. */
const leastBytes = 32 * 1024 * 1024;
/** What was copied before this much counts for half, then a quarter, and so on. */
const memoryBytes = 1024 * 1024 * 1024;

export class CopySpeed {
  private bytes = 0;
  private ms = 0;

  note(bytes: number, durationMs: number): void {
    this.bytes += bytes;
    this.ms += durationMs;
    if (this.bytes < memoryBytes) return;
    this.bytes /= 2;
    this.ms /= 2;
  }

  /** null while too little was copied to tell. */
  get bytesPerSecond(): number | null {
    if (this.bytes < leastBytes || this.ms <= 0) return null;
    return (this.bytes / this.ms) * 1000;
  }
}
