/**
 * Reads one node's journal: the heads of all batches in its files, in file order. A file that ends in an unfinished
 * batch gives what stands before it, a damaged one all that verifies; what that means is decided by volume/history.ts,
 * which sees all nodes.
 */
import { DriveError } from '../../core/errors.js';
import type { EpochId, NodeId } from '../../core/ids.js';
import type { NodeStore } from '../../node/node-store.js';
import { BatchReader, batchesBehindDamage } from '../../segment/batch-reader.js';
import type { DecodedBatch } from '../../segment/journal-batch.js';
import { parseJournalFileName } from '../../segment/journal-file-name.js';

export interface BatchHead {
  readonly sequence: number;
  readonly previousSequence: number;
  readonly hash: string;
  readonly previousHash: string;
  readonly epoch: EpochId;
  /** Operations of an epoch batch (small); null for others, which are read when needed. */
  readonly epochOperations: Buffer | null;
  readonly file: string;
  readonly offset: number;
  readonly lengthBytes: number;
}

export interface NodeJournal {
  readonly node: NodeId;
  readonly heads: readonly BatchHead[];
  readonly damagedFiles: readonly DamagedJournalFile[];
}

/** A file with damage before its end: what it does not give must come from other files or nodes. */
export interface DamagedJournalFile {
  readonly name: string;
  readonly epoch: EpochId;
  readonly firstSequence: number;
  readonly sizeBytes: number;
}

/** What reading a journal needs of a node. */
export type JournalStore = Pick<NodeStore, 'id' | 'list' | 'read'>;

export interface JournalReading {
  /** No file is skipped: all of them are to be verified. Default: false. */
  readonly everyFile?: boolean | undefined;
  /** The heads that are wanted; default: all. */
  readonly keeps?: ((head: BatchHead) => boolean) | undefined;
}

const readBytes = 1024 * 1024;

/** `from`: batches at or before this sequence number may be left out (whole files are skipped by their names). */
export async function readJournal(
  store: JournalStore,
  from: number,
  { everyFile = false, keeps = () => true }: JournalReading = {},
): Promise<NodeJournal> {
  const files = (await store.list('journal'))
    .map((file) => ({ ...file, parsed: parseJournalFileName(file.name) }))
    .filter((file) => file.parsed !== undefined)
    .sort((a, b) => a.parsed!.firstSequence - b.parsed!.firstSequence || (a.name < b.name ? -1 : 1));
  // A file ends where its writer's next one begins; another writer's may begin in the middle of it, and be torn.
  const isBefore = (file: (typeof files)[number]) =>
    files.some(({ parsed }) => {
      const isNext = parsed!.writer === file.parsed!.writer && parsed!.firstSequence > file.parsed!.firstSequence;
      return isNext && parsed!.firstSequence <= from + 1;
    });
  const heads: BatchHead[] = [];
  const damagedFiles: DamagedJournalFile[] = [];
  for (const file of files) {
    if (!everyFile && isBefore(file)) continue;
    const { name, sizeBytes, parsed } = file;
    const isWhole = await readFileHeads(store, { name, sizeBytes }, (head) => {
      if (keeps(head)) heads.push(head);
    });
    const { epoch, firstSequence } = parsed!;
    if (!isWhole) damagedFiles.push({ name, epoch, firstSequence, sizeBytes });
  }
  return { node: store.id, heads, damagedFiles };
}

async function readFileHeads(
  store: JournalStore,
  { name, sizeBytes }: { readonly name: string; readonly sizeBytes: number },
  onHead: (head: BatchHead) => void,
): Promise<boolean> {
  const reader = new BatchReader();
  let position = 0;
  let offset = 0;
  while (position < sizeBytes) {
    const bytes = await store.read('journal', name, position, Math.min(readBytes, sizeBytes - position));
    if (bytes.length === 0) break;
    position += bytes.length;
    for (const batch of reader.push(bytes)) {
      onHead(headOf(batch, name, offset));
      offset += batch.bytes.length;
    }
  }
  const { rest, validBytes } = reader.end();
  if (rest !== 'damaged') return true;
  // Rare, and a file is small enough for memory (16 MiB, or one batch).
  const bytes = await store.read('journal', name, 0, sizeBytes);
  for (const { offset, batch } of batchesBehindDamage(bytes, validBytes)) onHead(headOf(batch, name, offset));
  return false;
}

function headOf(batch: DecodedBatch, file: string, offset: number): BatchHead {
  const { sequence, previousSequence, hash, previousHash, epoch, isEpoch, operations, bytes } = batch;
  return {
    sequence,
    previousSequence,
    hash,
    previousHash,
    epoch,
    epochOperations: isEpoch ? operations : null,
    file,
    offset,
    lengthBytes: bytes.length,
  };
}

/** The bytes of one batch, verified against the hash in its head. CORRUPT when they changed since. */
export async function readBatch(store: JournalStore, head: BatchHead): Promise<{ bytes: Buffer; operations: Buffer }> {
  const bytes = await store.read('journal', head.file, head.offset, head.lengthBytes);
  const reader = new BatchReader();
  const [batch] = reader.push(bytes);
  if (!batch || batch.hash !== head.hash) {
    throw new DriveError('CORRUPT', {
      message: `journal batch ${head.sequence} does not verify`,
      details: { node: store.id, file: head.file },
    });
  }
  return { bytes, operations: batch.operations };
}
