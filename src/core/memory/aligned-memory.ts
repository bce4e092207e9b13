/**
 * Memory whose addresses suit reads past the system's cache (O_DIRECT): these fail unless address, position and length
 * are multiples of the disk's block. Node gives Buffers at any address; the memory of WebAssembly begins at a page.
 */

/** Blocks of all disks in use divide it. */
export const alignmentBytes = 4096;
export const windowBytes = 1024 * 1024;

/** What TypeScript's libraries say of it only together with a browser. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
};

const pageBytes = 64 * 1024;
const unused: Buffer[] = [];

/**
 * Runs `work` on a piece of `windowBytes` that nobody else has meanwhile, or on undefined when the system gives no such
 * memory (a limit of addresses). A call that hangs keeps its piece.
 */
export async function withAlignedMemory<T>(work: (memory: Buffer | undefined) => Promise<T>): Promise<T> {
  const memory = unused.pop() ?? allocate();
  try {
    return await work(memory);
  } finally {
    if (memory) unused.push(memory);
  }
}

function allocate(): Buffer | undefined {
  try {
    return Buffer.from(new WebAssembly.Memory({ initial: windowBytes / pageBytes }).buffer);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The aligned run of a file that covers what is wanted from `position` on, as far as one window goes. */
export function alignedRun(position: number, wantedBytes: number): { start: number; skip: number; length: number } {
  const skip = position % alignmentBytes;
  const length = Math.min(windowBytes, Math.ceil((skip + wantedBytes) / alignmentBytes) * alignmentBytes);
  return { start: position - skip, skip, length };
}
