/**
 * Journals and checkpoints of the nodes that are here: each node alone must lead from a checkpoint that verifies (or from
 * the beginning) by an unbroken chain to where the index counts on it. What only this node lacks is degraded; the others
 * have it.
 */
import { asDriveError, hasCode } from '../../core/errors.js';
import { decodeCheckpoint } from '../../meta/checkpoint-file.js';
import type { MetaReader } from '../../meta/meta-store.js';
import { genesisHash } from '../../segment/journal-batch.js';
import { type BatchHead, readJournal } from '../../store/journal/journal-reader.js';
import { checkpointNames, checkpointPieces } from '../../store/journal/node-checkpoints.js';
import { isReadable, type NodeStore, type StoreNode } from '../../store/store-node.js';

type CheckedNode = StoreNode & { readonly label: string };

interface Start {
  readonly sequence: number;
  readonly hash: string;
}

const mostTurns = 5;

/** Sentences, one for each thing wrong. Nodes that leave meanwhile are left out: the listing tells of them. */
export async function checkHistories(nodes: readonly CheckedNode[], reader: MetaReader): Promise<string[]> {
  const positions = new Map(reader.journaled().map(({ node, sequence }) => [node, sequence]));
  const volume = reader.volume()?.id;
  const sentences: string[] = [];
  for (const node of nodes) {
    if (!isReadable(node.state) || node.role === 'retired') continue;
    try {
      const position = positions.get(node.id) ?? 0;
      const found = await undisturbed(() => checkHistory(node.store, { volume, position }));
      sentences.push(...found.map((sentence) => `node ${node.label}: ${sentence}`));
    } catch (error) {
      if (!hasCode(error, 'NODE_GONE', 'NODE_IO')) throw error;
    }
  }
  return sentences;
}

/** A journal file that a new checkpoint made superfluous is gone while its folder is read: then it is read again. */
async function undisturbed<T>(work: () => Promise<T>): Promise<T> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await work();
    } catch (error) {
      if (turn === mostTurns || !hasCode(error, 'FILE_MISSING')) throw error;
    }
  }
}

async function checkHistory(
  store: NodeStore,
  { volume, position }: { readonly volume: string | undefined; readonly position: number },
): Promise<string[]> {
  const { start, sentences } = await newestCheckpoint(store, volume);
  const journal = await readJournal(store, start.sequence);
  for (const { name } of journal.damagedFiles) sentences.push(`its journal file ${name} is damaged`);
  const reach = reachOf(journal.heads, start);
  if (reach < position) {
    sentences.push(`its journal leads unbroken to batch ${reach}, and the index counts on it up to ${position}`);
  }
  return sentences;
}

/** The newest one that verifies; those that do not are told. */
async function newestCheckpoint(
  store: NodeStore,
  volume: string | undefined,
): Promise<{ start: Start; sentences: string[] }> {
  const sentences: string[] = [];
  for (const name of await checkpointNames(store)) {
    try {
      const header = await decodeCheckpoint(checkpointPieces(store, name), async () => undefined);
      if (header.volume === volume) return { start: header, sentences };
      sentences.push(`its checkpoint ${name} is of another volume`);
    } catch (error) {
      // One that was replaced since the names were read is no loss.
      if (hasCode(error, 'FILE_MISSING')) continue;
      if (!hasCode(error, 'CORRUPT', 'NEWER_FORMAT')) throw error;
      sentences.push(`its checkpoint ${name} does not verify: ${asDriveError(error).message}`);
    }
  }
  return { start: { sequence: 0, hash: genesisHash }, sentences };
}

/** Where the chain leads: a batch that failed may have a twin, so all ways are gone. */
function reachOf(heads: readonly BatchHead[], start: Start): number {
  const following = new Map<string, BatchHead[]>();
  for (const head of heads) {
    const known = following.get(head.previousHash);
    if (known) known.push(head);
    else following.set(head.previousHash, [head]);
  }
  let reach = start.sequence;
  const ways = [start.hash];
  for (let hash = ways.pop(); hash !== undefined; hash = ways.pop()) {
    for (const head of following.get(hash) ?? []) {
      reach = Math.max(reach, head.sequence);
      ways.push(head.hash);
    }
    following.delete(hash); // The same batch may stand in several files.
  }
  return reach;
}
