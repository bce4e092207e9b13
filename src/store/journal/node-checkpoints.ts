/** The checkpoints on one node: their names and their bytes, and the journal files that they stand in for. */
import type { NodeStore } from '../../node/node-store.js';
import { parseCheckpointName } from '../../segment/checkpoint-name.js';
import { parseJournalFileName } from '../../segment/journal-file-name.js';

const readBytes = 1024 * 1024;

/** Newest first. */
export async function checkpointNames(store: Pick<NodeStore, 'list'>): Promise<string[]> {
  const files = await store.list('checkpoints');
  return files
    .map((file) => file.name)
    .filter((name) => parseCheckpointName(name) !== undefined)
    .sort()
    .reverse();
}

/** The file in pieces. FILE_MISSING and the errors of the node. */
export async function* checkpointPieces(store: Pick<NodeStore, 'read'>, name: string): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const bytes = await store.read('checkpoints', name, position, readBytes);
    if (bytes.length === 0) return;
    yield bytes;
    position += bytes.length;
  }
}

/**
 * Of the journal files of a node those that a checkpoint with the batches up to `sequence` stands in for. A file ends
 * where a later one begins; the last one may still grow. One that begins with the same batch is no later one: an opening
 * writes again what may not be durable.
 */
export function filesHeldBy(sequence: number, names: readonly string[]): string[] {
  const files = names.flatMap((name) => {
    const first = parseJournalFileName(name)?.firstSequence;
    return first === undefined ? [] : [{ name, first }];
  });
  return files
    .filter(({ first }) => files.some((other) => other.first > first && other.first <= sequence + 1))
    .map(({ name }) => name);
}
