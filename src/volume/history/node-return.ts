/**
 * Brings the journal of a node that came back up to the history, without ever touching what it wrote before: batches
 * that it lacks go to new files. What it holds beyond the history is either a batch that was never acknowledged
 * (ignored for ever: the chain goes past it) or another history (refused).
 */
import type { MetaReader } from '../../meta/meta-store.js';
import type { Committer } from '../commit/committer.js';
import type { WriteSet } from '../commit/write-set.js';
import type { EngineNode } from '../engine-node.js';
import { durablePosition, positionOf } from './history.js';
import { JournalSources } from './journal-sources.js';
import { keptChain } from './kept-batches.js';

export type ReturnVerdict =
  /** The journal is current and takes every batch from here on. */
  | 'current'
  /** The index no longer keeps the batches it lacks: it needs a checkpoint first. */
  | 'far-behind'
  /** It holds changes of another history. */
  | 'forked';

/** Why such a node is refused, and what to do about it, in the operator's words. */
export const forkedReason = ({ label }: Pick<EngineNode, 'label'>): string =>
  'it holds changes of another history of this volume; nothing on it is touched ' +
  `("holdfast salvage DIR --from ${/^[\w.-]+$/.test(label) ? label : `'${label}'`}" saves them in a folder of the drive)`;

export interface ReturnHost {
  readonly reader: MetaReader;
  readonly committer: Committer;
  readonly writeSet: WriteSet;
}

/** The committer waits for the last batches, which are about as many as came while this much was written. */
const quietBytes = 2 * 1024 * 1024;
const stepBytes = 8 * 1024 * 1024;

/**
 * Errors of the node reject (the monitor has seen them); nothing is half admitted. `checkpointed`: the last batch of a
 * checkpoint that the node was given because it was far behind.
 */
export async function makeJournalCurrent(
  host: ReturnHost,
  node: EngineNode,
  checkpointed?: number,
): Promise<ReturnVerdict> {
  host.writeSet.drop(node.id);
  const start = await findPosition(host, node);
  if (start === 'forked' || (start === 'far-behind' && checkpointed === undefined)) return start;
  let position = typeof start === 'number' ? start : checkpointed!;
  const writer = host.writeSet.newJournalWriter(node);
  const writeGap = async (bytes: number): Promise<number> => {
    const gap = host.reader.batches(position, bytes);
    await writer.append(gap);
    position = gap.at(-1)?.sequence ?? position;
    return sizeOf(gap);
  };
  try {
    while ((await writeGap(stepBytes)) > quietBytes);
    await host.committer.quiesced(async () => {
      await writeGap(Number.MAX_SAFE_INTEGER);
      await writer.close();
      host.writeSet.admit(node, position);
    });
  } finally {
    await writer.close();
  }
  return 'current';
}

async function findPosition(host: ReturnHost, node: EngineNode): Promise<number | Exclude<ReturnVerdict, 'current'>> {
  const tip = host.reader.tip()!;
  const chain = keptChain(host.reader);
  const floor = chain[0]?.previousSequence ?? tip.sequence;
  const sources = await JournalSources.read([node], floor, host.reader);
  const failure = sources.unreadable.get(node.id);
  if (failure !== undefined) throw failure;
  const links = chain.length > 0 ? chain : [{ ...tip, previousSequence: tip.sequence, previousHash: tip.hash }];
  const epochs = new Map(host.reader.epochs().map((epoch) => [epoch.id, epoch]));
  for (const epoch of sources.histories[0]!.epochs) if (!epochs.has(epoch.id)) epochs.set(epoch.id, epoch);
  const position = positionOf(sources.histories[0]!, links, epochs);
  if (position.kind === 'forked') return 'forked';
  const known = host.writeSet.durablePositions().get(node.id);
  const sequence = durablePosition(sources.histories[0]!, position, { floor, known });
  return sequence < floor ? 'far-behind' : sequence;
}

function sizeOf(batches: readonly { readonly bytes: Buffer }[]): number {
  return batches.reduce((sum, batch) => sum + batch.bytes.length, 0);
}
