/**
 * The rehearsal's thread: rebuilds an index from the nodes alone, aside, and compares its state with the one that the
 * serving index had. Nothing here writes to a node. Answers once, with a RehearsalAnswer.
 */
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { asDriveError, type ErrorData } from '../../core/errors.js';
import { openMetaStore } from '../../meta/sqlite-meta-store.js';
import type { EngineNode } from '../../volume/engine-node.js';
import { rebuildIndex } from '../../volume/history/rebuild.js';
import { type DriveContext, systemContext } from '../drive-context.js';
import type { NodeToOpen } from '../drive-nodes.js';
import { makeIndexFile, removeIndex } from '../drive-rebuild.js';
import { compareStates, linesOf, type StateDifferences } from './compare-states.js';
import { reachable } from './reachable-node.js';

export interface RehearsalTask {
  readonly directory: string;
  readonly volume: string;
  readonly nodes: readonly NodeToOpen[];
  /** The state to compare with, as operations in key order, and the sequence number that it is of. */
  readonly stateFile: string;
  readonly sequence: number;
}

export type RehearsalAnswer =
  | ({
      readonly sequence: number;
      readonly files: number;
      /** Living chunks that no segment here holds. */
      readonly chunksWithoutPlace: number;
    } & StateDifferences)
  | { readonly error: ErrorData };

export const rehearsalIndexName = 'index.db.rehearsal';
const pieceBytes = 256 * 1024;
/** More need not be counted to know that something is wrong. */
const countedChunks = 1_000;

if (parentPort) parentPort.postMessage(await answer(workerData as RehearsalTask));

async function answer(task: RehearsalTask): Promise<RehearsalAnswer> {
  try {
    return await rehearse(task, systemContext);
  } catch (error) {
    return { error: asDriveError(error).toData() };
  }
}

async function rehearse(task: RehearsalTask, context: DriveContext): Promise<RehearsalAnswer> {
  const { fileIo } = context;
  const { directory, sequence } = task;
  const file = join(directory, rehearsalIndexName);
  const nodes: EngineNode[] = [];
  for (const node of task.nodes) nodes.push(await reachable(node, task.volume, context));
  const newIndex = async () => {
    await removeIndex(fileIo, directory, rehearsalIndexName);
    await makeIndexFile(fileIo, file);
    return openMetaStore({ file, isBeingMade: true });
  };
  try {
    const meta = await rebuildIndex({ newIndex, nodes, upTo: sequence });
    try {
      const chunksWithoutPlace = meta.reader.chunksWithoutPlace(countedChunks).length;
      const found = await compareStates(linesOf(piecesOf(task.stateFile, context)), linesOf(meta.writer.checkpoint()));
      const tip = meta.reader.tip()?.sequence ?? 0;
      return { ...found, sequence: tip, files: meta.reader.counts().files, chunksWithoutPlace };
    } finally {
      await meta.close();
    }
  } finally {
    await removeIndex(fileIo, directory, rehearsalIndexName);
    for (const node of nodes) await node.store.close();
  }
}

async function* piecesOf(path: string, { fileIo }: DriveContext): AsyncGenerator<Buffer> {
  const file = await fileIo.open(path, 'read');
  try {
    let rest = Buffer.alloc(0);
    for (let at = 0; ; ) {
      const piece = Buffer.alloc(pieceBytes);
      const length = await file.read(piece, at);
      if (length === 0) return;
      at += length;
      const bytes = Buffer.concat([rest, piece.subarray(0, length)]);
      const end = bytes.lastIndexOf(0x0a) + 1;
      rest = bytes.subarray(end);
      if (end > 0) yield bytes.subarray(0, end);
    }
  } finally {
    await file.close();
  }
}
