/**
 * Reads one node's journal: the heads of all batches in its files, in file order. A file that ends in an unfinished or
 * damaged batch gives what stands before it; what that means is decided by volume/history.ts, which sees all nodes.
 */
import { DriveError } from '../../core/errors.js';
import type { EpochId, NodeId } from '../../core/ids.js';
import type { NodeStore } from '../../node/node-store.js';
import { BatchReader } from '../../segment/batch-reader.js';
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
  /** Files with damage before their end: their later batches must come from other nodes. */
  readonly damagedFiles: readonly string[];
}

const readBytes = 1024 * 1024;

/** `from`: batches at or before this sequence number may be left out (whole files are skipped by their names). */
export async function readJournal(store: NodeStore, from: number): Promise<NodeJournal> {
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
  const damagedFiles: string[] = [];
  for (const file of files) {
    if (isBefore(file)) continue;
    const whole = await readFileHeads(store, file.name, file.sizeBytes, heads);
    if (!whole) damagedFiles.push(file.name);
  }
  return { node: store.id, heads, damagedFiles };
}

async function readFileHeads(store: NodeStore, name: string, sizeBytes: number, heads: BatchHead[]): Promise<boolean> {
  const reader = new BatchReader();
  let position = 0;
  let offset = 0;
  while (position < sizeBytes) {
    const bytes = await store.read('journal', name, position, Math.min(readBytes, sizeBytes - position));
    if (bytes.length === 0) break;
    position += bytes.length;
    for (const batch of reader.push(bytes)) {
      heads.push({
        sequence: batch.sequence,
        previousSequence: batch.previousSequence,
        hash: batch.hash,
        previousHash: batch.previousHash,
        epoch: batch.epoch,
        epochOperations: batch.isEpoch ? batch.operations : null,
        file: name,
        offset,
        lengthBytes: batch.bytes.length,
      });
      offset += batch.bytes.length;
    }
  }
  return reader.end().rest !== 'damaged';
}

/** The bytes of one batch, verified against the hash in its head. CORRUPT when they changed since. */
export async function readBatch(store: NodeStore, head: BatchHead): Promise<{ bytes: Buffer; operations: Buffer }> {
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
