/**
 * Buffers of one length in memory that other threads see without a copy, used again and again: new ones would start a
 * whole garbage collection with every 64 MiB. V8 does not count such memory, so who takes one gives it back, and bounds
 * how many are out.
 */
export class SharedBuffers {
  readonly #bufferBytes: number;
  readonly #mostKept: number;
  readonly #free: ArrayBufferLike[] = [];
  /** Those that are out and may come back, once each: given back twice one would serve two. */
  readonly #out = new WeakSet<ArrayBufferLike>();

  constructor(options: { readonly bufferBytes: number; readonly mostKept: number }) {
    this.#bufferBytes = options.bufferBytes;
    this.#mostKept = options.mostKept;
  }

  /** What is in it is anything. */
  take(): Buffer {
    const memory = this.#free.pop() ?? new SharedArrayBuffer(this.#bufferBytes);
    this.#out.add(memory);
    return Buffer.from(memory);
  }

  /** `bytes`: any part of what `take` gave; may not be looked at any more. Other buffers are left alone. */
  giveBack({ buffer }: Buffer): void {
    if (this.#out.delete(buffer) && this.#free.length < this.#mostKept) this.#free.push(buffer);
  }

  /** Somebody may look at it for ever (a disk that hangs): it is never used again. */
  abandon({ buffer }: Buffer): void {
    this.#out.delete(buffer);
  }
}

export function isShared({ buffer }: Buffer): boolean {
  return buffer instanceof SharedArrayBuffer;
}
