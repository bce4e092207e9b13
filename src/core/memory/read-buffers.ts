/**
 * Buffers of reads, which come back and are used again. V8 begins a whole garbage collection with every 64 MiB of new
 * buffers: a quarter of the processor time of a large download or of many ranges. Bounded, shared by the process. Who
 * does not give a buffer back only leaves it to the collector; who does may not look at it any more.
 */

interface SizeClass {
  readonly leastBytes: number;
  readonly bufferBytes: number;
  readonly mostKept: number;
  readonly free: ArrayBufferLike[];
}

const KiB = 1024;

export class ReadBuffers {
  readonly #classes: readonly SizeClass[] = [
    // Two blocks: most ranges that a client reads at a time.
    { leastBytes: 32 * KiB, bufferBytes: 136 * KiB, mostKept: 64, free: [] },
    // A chunk of 1 MiB with the head of its record.
    { leastBytes: 512 * KiB, bufferBytes: 1040 * KiB, mostKept: 32, free: [] },
  ];
  /** Those that were handed out, once each: the same buffer given back twice would serve two reads. */
  readonly #out = new WeakMap<ArrayBufferLike, SizeClass>();

  /** Of exactly that length; what is in it is anything. */
  take(lengthBytes: number): Buffer {
    const size = this.#classes.find(
      ({ leastBytes, bufferBytes }) => lengthBytes >= leastBytes && lengthBytes <= bufferBytes,
    );
    if (size === undefined) return Buffer.allocUnsafe(lengthBytes);
    const memory = size.free.pop() ?? Buffer.allocUnsafeSlow(size.bufferBytes).buffer;
    this.#out.set(memory, size);
    return Buffer.from(memory, 0, lengthBytes);
  }

  /** `bytes`: any part of what `take` gave. Other buffers are left alone. */
  giveBack({ buffer }: Buffer): void {
    const size = this.#out.get(buffer);
    this.#out.delete(buffer);
    if (size !== undefined && size.free.length < size.mostKept) size.free.push(buffer);
  }
}

export const readBuffers = new ReadBuffers();
