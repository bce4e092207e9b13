/** The batches that the index keeps for nodes that lack them: their links, and one of them at a time. */
import type { BatchIdentity, MetaReader } from '../../meta/meta-store.js';
import { decodeBatch } from '../../segment/journal-batch.js';
import type { ChainLink } from './history.js';

/** Bytes of batches read at once: they are many, their links few. */
const stepBytes = 8 * 1024 * 1024;

/** Oldest first. A batch that does not verify is left out: the index is not trusted for it. */
export function keptChain(reader: MetaReader): ChainLink[] {
  const chain: ChainLink[] = [];
  let page = reader.batches(0, stepBytes);
  while (page.length > 0) {
    for (const batch of page) {
      const decoded = decodeBatch(batch.bytes);
      if (!decoded) continue;
      const { sequence, previousSequence, hash, previousHash, epoch } = decoded;
      chain.push({ sequence, previousSequence, hash, previousHash, epoch });
    }
    page = reader.batches(page.at(-1)!.sequence, stepBytes);
  }
  return chain;
}

/** undefined when the index does not keep it (any more). */
export function keptBatch(reader: MetaReader, link: ChainLink): (BatchIdentity & { operations: Buffer }) | undefined {
  const [batch] = reader.batches(link.sequence - 1, 1);
  if (batch?.hash !== link.hash) return undefined;
  const decoded = decodeBatch(batch.bytes);
  return decoded?.hash === link.hash ? { ...batch, operations: decoded.operations } : undefined;
}
