/** The checkpoints on one node: their names and their bytes. */
import type { NodeStore } from '../../node/node-store.js';
import { parseCheckpointName } from '../../segment/checkpoint-name.js';

const readBytes = 1024 * 1024;

/** Newest first. */
export async function checkpointNames(store: NodeStore): Promise<string[]> {
  const files = await store.list('checkpoints');
  return files
    .map((file) => file.name)
    .filter((name) => parseCheckpointName(name) !== undefined)
    .sort()
    .reverse();
}

/** The file in pieces. FILE_MISSING and the errors of the node. */
export async function* checkpointPieces(store: NodeStore, name: string): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const bytes = await store.read('checkpoints', name, position, readBytes);
    if (bytes.length === 0) return;
    yield bytes;
    position += bytes.length;
  }
}
