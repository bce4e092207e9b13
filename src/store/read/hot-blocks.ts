/**
 * Verified plain blocks of 64 KiB that were read lately, by place. Long ranges are not kept: they are streams. Long blocks
 * are copied into memory that is used again and again, and out of it, so that no collector is kept busy with them.
 */
import { LRUCache } from 'lru-cache';
import { readBuffers } from '../../core/memory/read-buffers.js';
import { blockBytes } from '../../segment/chunk-id.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';

const mostBlocksKept = 4;
/** Shorter blocks get a buffer of their own length. */
const leastSlotBytes = blockBytes / 2;

interface Kept {
  readonly bytes: Buffer;
  /** Of the whole block: `bytes` lies in it. Its next owner overwrites it. */
  readonly slot: Buffer | undefined;
}

export class HotBlocks {
  readonly #cache: LRUCache<string, Kept> | undefined;
  readonly #freeSlots: Buffer[] = [];

  /** `limitBytes` 0: keeps nothing. */
  constructor(limitBytes: number) {
    if (limitBytes === 0) return;
    this.#cache = new LRUCache({
      maxSize: limitBytes,
      sizeCalculation: ({ bytes, slot }) => (slot ?? bytes).length || 1,
      dispose: ({ slot }) => {
        if (slot) this.#freeSlots.push(slot);
      },
    });
  }

  /** The range, when all of its blocks are here; the caller's own to give back. */
  get(place: ChunkPlace, plainStart: number, plainEnd: number): Buffer | undefined {
    if (!this.#cache) return undefined;
    const firstBlock = Math.floor(plainStart / blockBytes);
    const lastBlock = Math.floor((plainEnd - 1) / blockBytes);
    if (lastBlock - firstBlock >= mostBlocksKept) return undefined;
    const blocks: Kept[] = [];
    for (let block = firstBlock; block <= lastBlock; block += 1) {
      const kept = this.#cache.get(keyOf(place, block));
      if (!kept) return undefined;
      blocks.push(kept);
    }
    const firstByte = firstBlock * blockBytes;
    const [only] = blocks;
    if (blocks.length === 1 && !only!.slot) return only!.bytes.subarray(plainStart - firstByte, plainEnd - firstByte);
    const plain = readBuffers.take(plainEnd - plainStart);
    blocks.forEach(({ bytes }, index) => {
      const blockStart = firstByte + index * blockBytes;
      bytes.copy(
        plain,
        Math.max(0, blockStart - plainStart),
        Math.max(0, plainStart - blockStart),
        plainEnd - blockStart,
      );
    });
    return plain;
  }

  /** Keeps a copy of `plain`, whole blocks from `firstBlock` on, unless it is long. */
  set(place: ChunkPlace, firstBlock: number, plain: Buffer): void {
    if (!this.#cache || plain.length > mostBlocksKept * blockBytes) return;
    for (let at = 0; at < plain.length; at += blockBytes) {
      const key = keyOf(place, firstBlock + at / blockBytes);
      // What verified before has not changed.
      if (!this.#cache.has(key)) this.#cache.set(key, this.#copyOf(plain.subarray(at, at + blockBytes)));
    }
  }

  #copyOf(block: Buffer): Kept {
    if (block.length < leastSlotBytes) return { bytes: Buffer.from(block), slot: undefined };
    const slot = this.#freeSlots.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
    block.copy(slot);
    return { bytes: slot.subarray(0, block.length), slot };
  }
}

function keyOf({ segment, offset, chunk }: ChunkPlace, block: number): string {
  return `${segment}/${offset}/${chunk}/${block}`;
}
