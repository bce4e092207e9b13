/**
 * Reads the checkpoints and the journal of one node and says what is wrong with them. A node alone must lead from a
 * checkpoint that verifies (or from the beginning) by an unbroken chain to where the index counts on it. What the newest
 * good checkpoint stands in for is not missed.
 */
import { asDriveError, hasCode } from '../../core/errors.js';
import { decodeCheckpoint } from '../../meta/checkpoint-file.js';
import { genesisHash } from '../../segment/journal-batch.js';
import {
  type BatchHead,
  type DamagedJournalFile,
  type JournalStore,
  readJournal,
} from '../../store/journal/journal-reader.js';
import { checkpointNames, checkpointPieces, filesHeldBy } from '../../store/journal/node-checkpoints.js';

export interface HistoryExpectation {
  /** Id; what is of another volume is bad. */
  readonly volume: string | undefined;
  /** Read older checkpoints and what they need too, not only what the newest good one needs. Default: false. */
  readonly everyFile?: boolean | undefined;
}

interface Start {
  readonly sequence: number;
  readonly hash: string;
}

export interface BadCheckpoint {
  readonly name: string;
  /** Ends a sentence that begins with the checkpoint. */
  readonly problem: string;
}

export interface ExaminedHistory {
  /** The last batch of the newest good checkpoint; 0 without one. */
  readonly start: Start;
  /** Of the batches behind it. */
  readonly heads: readonly BatchHead[];
  /** The last batch to which the chain leads from there. */
  readonly reach: number;
  readonly badCheckpoints: readonly BadCheckpoint[];
  readonly damagedFiles: readonly (DamagedJournalFile & { readonly isHeld: boolean })[];
}

const mostTurns = 5;

/** The errors of the node. */
export async function examineHistory(store: JournalStore, expected: HistoryExpectation): Promise<ExaminedHistory> {
  // A journal file that a new checkpoint made superfluous is gone while its folder is read: then it is read again.
  for (let turn = 1; ; turn += 1) {
    try {
      return await examine(store, expected);
    } catch (error) {
      if (turn === mostTurns || !hasCode(error, 'FILE_MISSING')) throw error;
    }
  }
}

async function examine(store: JournalStore, { volume, everyFile }: HistoryExpectation): Promise<ExaminedHistory> {
  const badCheckpoints: BadCheckpoint[] = [];
  let start: Start | undefined;
  for (const name of await checkpointNames(store)) {
    if (start && !everyFile) break;
    const found = await readCheckpoint(store, name, volume);
    if (typeof found === 'string') badCheckpoints.push({ name, problem: found });
    else start ??= found;
  }
  start ??= { sequence: 0, hash: genesisHash };
  const { sequence } = start;
  const keeps = (head: BatchHead) => head.sequence > sequence;
  const journal = await readJournal(store, sequence, { everyFile, keeps });
  const names = (await store.list('journal')).map(({ name }) => name);
  const held = new Set(filesHeldBy(sequence, names));
  const damagedFiles = journal.damagedFiles.map((file) => ({ ...file, isHeld: held.has(file.name) }));
  const reach = reachOf(journal.heads, start);
  return { start, heads: journal.heads, reach, badCheckpoints, damagedFiles };
}

/** What is wrong with it, in words; undefined when it was replaced since the names were read. */
async function readCheckpoint(
  store: JournalStore,
  name: string,
  volume: string | undefined,
): Promise<Start | string | undefined> {
  try {
    const header = await decodeCheckpoint(checkpointPieces(store, name), async () => undefined);
    return header.volume === volume ? header : 'is of another volume';
  } catch (error) {
    if (hasCode(error, 'FILE_MISSING')) return undefined;
    if (!hasCode(error, 'CORRUPT', 'NEWER_FORMAT')) throw error;
    return `does not verify: ${asDriveError(error).message}`;
  }
}

/** Where the chain leads: a batch that failed may have a twin, so all ways are gone. */
export function reachOf(heads: Iterable<BatchHead>, start: Start): number {
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
