/**
 * The checksum of a content covers its size and its list of chunks; it travels in the journal, is kept beside the
 * list in the index, and is verified whenever the list is read (SQLite does not notice most damage to its own file).
 * The list is cut into pages of 256 chunks. A page's bytes are, for each chunk, its id (32 bytes) and its length (u32,
 * little-endian). The checksum is SHA-256 over "HFCONT01", the size and the chunk count (u64 each, little-endian), and the
 * SHA-256 of each page. So part of a long list is verified by reading one page and the digests of the others.
 * Its first 32 hex digits are the file's ETag. Specified in docs/format.md, "Contents".
 */
import { hash } from 'node:crypto';
import type { ChunkReference } from '../core/ids.js';

export const chunksPerPage = 256;
export const referenceBytes = 36;
const domain = Buffer.from('HFCONT01', 'latin1');

/** Checksum of a whole list: 64 hex digits. */
export function contentChecksum(chunks: readonly ChunkReference[]): string {
  const checksum = new ContentChecksum();
  checksum.add(chunks);
  return checksum.digest();
}

/** The same for a list that becomes known bit by bit; holds one page at most. */
export class ContentChecksum {
  readonly #pages: Buffer[] = [];
  #open: ChunkReference[] = [];
  #count = 0;
  #sizeBytes = 0;

  get count(): number {
    return this.#count;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  add(chunks: readonly ChunkReference[]): void {
    for (const chunk of chunks) {
      this.#open.push(chunk);
      this.#count += 1;
      this.#sizeBytes += chunk[1];
      if (this.#open.length === chunksPerPage) this.#closePage();
    }
  }

  /** 64 hex digits over everything added so far. */
  digest(): string {
    const pages = this.#open.length > 0 ? [...this.#pages, pageDigest(encodePage(this.#open))] : this.#pages;
    return checksumOfPages({ sizeBytes: this.#sizeBytes, count: this.#count, pages }).toString('hex');
  }

  #closePage(): void {
    this.#pages.push(pageDigest(encodePage(this.#open)));
    this.#open = [];
  }
}

/** Bytes of (part of) a page. */
export function encodePage(chunks: readonly ChunkReference[]): Buffer {
  const bytes = Buffer.allocUnsafe(chunks.length * referenceBytes);
  chunks.forEach(([id, lengthBytes], index) => {
    bytes.write(id, index * referenceBytes, 32, 'hex');
    bytes.writeUInt32LE(lengthBytes, index * referenceBytes + 32);
  });
  return bytes;
}

/** Chunks `first` to `first + count - 1` of a page. */
export function decodePage(bytes: Buffer, first = 0, count = bytes.length / referenceBytes): ChunkReference[] {
  const end = Math.min(bytes.length, (first + count) * referenceBytes);
  const chunks: ChunkReference[] = [];
  for (let at = first * referenceBytes; at < end; at += referenceBytes) {
    chunks.push([bytes.toString('hex', at, at + 32), bytes.readUInt32LE(at + 32)]);
  }
  return chunks;
}

export function pageDigest(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer');
}

export function checksumOfPages(content: {
  readonly sizeBytes: number;
  readonly count: number;
  readonly pages: readonly Buffer[];
}): Buffer {
  const numbers = Buffer.allocUnsafe(16);
  numbers.writeBigUInt64LE(BigInt(content.sizeBytes), 0);
  numbers.writeBigUInt64LE(BigInt(content.count), 8);
  return hash('sha256', Buffer.concat([domain, numbers, ...content.pages]), 'buffer');
}
