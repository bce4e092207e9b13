/** The batches that the index keeps for nodes that lack them: their links, and one of them at a time. */
import type { BatchIdentity, MetaReader } from '../../meta/meta-store.js';
import { decodeBatch } from '../../segment/journal-batch.js';
import type { ChainLink } from './history.js';

/** Bytes of batches read at once: they are many, their links few. */
const stepBytes = 8 * 1024 * 1024;

export interface FullBatch extends BatchIdentity {
  readonly operations: Buffer;
}

/** All of them as they are, oldest first. */
export function* keptBatches(reader: MetaReader): Generator<BatchIdentity> {
  for (let after = 0; ; ) {
    const page = reader.batches(after, stepBytes);
    yield* page;
    if (page.reduce((sum, { bytes }) => sum + bytes.length, 0) < stepBytes) return;
    after = page.at(-1)!.sequence;
  }
}

/** Oldest first. A batch that does not verify is left out: the index is not trusted for it. The others go to `recent`. */
export function keptChain(reader: MetaReader, recent?: RecentBatches): ChainLink[] {
  const chain: ChainLink[] = [];
  for (const batch of keptBatches(reader)) {
    const decoded = decodeBatch(batch.bytes);
    if (!decoded) continue;
    const { sequence, previousSequence, hash, previousHash, epoch, operations } = decoded;
    chain.push({ sequence, previousSequence, hash, previousHash, epoch });
    if (batch.hash === hash) recent?.add({ ...batch, operations });
  }
  return chain;
}

/** undefined when the index does not keep it (any more). */
export function keptBatch(reader: MetaReader, link: ChainLink): FullBatch | undefined {
  const [batch] = reader.batches(link.sequence - 1, 1);
  if (batch?.hash !== link.hash) return undefined;
  const decoded = decodeBatch(batch.bytes);
  return decoded?.hash === link.hash ? { ...batch, operations: decoded.operations } : undefined;
}

/** Each node that is brought up to date needs the same batches, which are few after a crash. */
const rememberedBytes = 4 * 1024 * 1024;

/** Verified batches that were read lately, by hash. */
export class RecentBatches {
  private readonly batches = new Map<string, FullBatch>();
  private freeBytes = rememberedBytes;

  get(hash: string): FullBatch | undefined {
    return this.batches.get(hash);
  }

  add(batch: FullBatch): void {
    this.freeBytes -= batch.bytes.length;
    if (this.freeBytes < 0) {
      this.batches.clear();
      this.freeBytes = rememberedBytes - batch.bytes.length;
    }
    this.batches.set(batch.hash, batch);
  }
}
