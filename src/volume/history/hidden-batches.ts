/**
 * Whether a damaged journal file may have held batches that the chain does not have. A file holds batches of one epoch,
 * one after the other from the first on, and an epoch is one line. Where the chain, from that first one on, has as many
 * bytes as the file, the file has no room for more: so it is once a node that was damaged was sent again what it had lost.
 */
import type { DamagedJournalFile } from '../../store/journal/journal-reader.js';
import type { ChainLink, NodeHistory } from './history.js';

/** `chain`: oldest first. */
export function mayHideBatches(
  { epoch, firstSequence, sizeBytes }: DamagedJournalFile,
  chain: readonly ChainLink[],
  nodes: readonly Pick<NodeHistory, 'heads'>[],
): boolean {
  const first = chain.findIndex((link) => link.epoch === epoch && link.sequence === firstSequence);
  if (first < 0) return true;
  const lengths = new Map(nodes.flatMap(({ heads }) => heads.map((head) => [head.hash, head.lengthBytes] as const)));
  const known = chain.slice(first).reduce((sum, { hash }) => sum + (lengths.get(hash) ?? 0), 0);
  return known < sizeBytes;
}
