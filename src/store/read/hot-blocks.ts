/** Verified plain blocks of 64 KiB that were read lately, by place. Long ranges are not kept: they are streams. */
import { LRUCache } from 'lru-cache';
import { blockBytes } from '../../segment/chunk-id.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';

const mostBlocksKept = 4;

export class HotBlocks {
  readonly #cache: LRUCache<string, Buffer> | undefined;

  /** `limitBytes` 0: keeps nothing. */
  constructor(limitBytes: number) {
    if (limitBytes > 0)
      this.#cache = new LRUCache({ maxSize: limitBytes, sizeCalculation: ({ length }) => length || 1 });
  }

  /** The range, when all of its blocks are here. */
  get(place: ChunkPlace, plainStart: number, plainEnd: number): Buffer | undefined {
    if (!this.#cache) return undefined;
    const firstBlock = Math.floor(plainStart / blockBytes);
    const lastBlock = Math.floor((plainEnd - 1) / blockBytes);
    if (lastBlock - firstBlock >= mostBlocksKept) return undefined;
    const blocks: Buffer[] = [];
    for (let block = firstBlock; block <= lastBlock; block += 1) {
      const plain = this.#cache.get(keyOf(place, block));
      if (!plain) return undefined;
      blocks.push(plain);
    }
    const plain = blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks);
    const firstByte = firstBlock * blockBytes;
    return plain.subarray(plainStart - firstByte, plainEnd - firstByte);
  }

  /** Keeps `plain`, whole blocks from `firstBlock` on, unless it is long. */
  set(place: ChunkPlace, firstBlock: number, plain: Buffer): void {
    if (!this.#cache || plain.length > mostBlocksKept * blockBytes) return;
    for (let at = 0; at < plain.length; at += blockBytes) {
      // Copied: a slice would keep all of the buffer that was read.
      const block = Buffer.from(plain.subarray(at, at + blockBytes));
      this.#cache.set(keyOf(place, firstBlock + at / blockBytes), block);
    }
  }
}

function keyOf({ segment, offset, chunk }: ChunkPlace, block: number): string {
  return `${segment}/${offset}/${chunk}/${block}`;
}
