/**
 * How far the nodes' journals reach, written down now and then, so that the index keeps only batches that some node
 * lacks, and of those only up to a bound: past it an absent node is written off and gets a checkpoint when it returns.
 */
import type { NodeId } from '../core/ids.js';
import type { BatchIdentity, MetaReader } from '../meta/meta-store.js';
import type { VolumeEngine } from '../volume/engine.js';
import { keptBatches } from '../volume/history/kept-batches.js';

const markBytes = 1024 * 1024;

/**
 * The nodes written off by this call. Never while a node is made current: that takes the batches from the index.
 * `backlog` must have been told of every batch that `engine` committed.
 */
export async function savePositions(engine: VolumeEngine, backlog: JournalBacklog): Promise<readonly NodeId[]> {
  const { reader } = engine;
  const known = new Map(reader.journaled().map((position) => [position.node, position.sequence]));
  const current = engine.history.writeSet.positions();
  const absent = reader
    .nodes()
    .filter(({ id, role }) => role !== 'retired' && !current.some(({ node }) => node === id))
    .map(({ id }) => ({ node: id, sequence: known.get(id) ?? 0 }));
  const writtenOff = backlog.beyond(absent);
  const { sequence: end } = engine.committer.currentTip;
  const changed = [...current, ...writtenOff.map((node) => ({ node, sequence: end }))].filter(
    ({ node, sequence }) => known.get(node) !== sequence,
  );
  if (changed.length > 0) {
    await engine.committer.withWriter(async (writer) => {
      for (const { node, sequence } of changed) await writer.setJournaled(node, sequence);
    });
  }
  return writtenOff;
}

/** How much journal lies between a position and the tip, in bytes, to the nearest MiB. */
export class JournalBacklog {
  private readonly limitBytes: number;
  private marks: { readonly sequence: number; readonly bytes: number }[] = [];
  private totalBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** What the index keeps from before. */
  count(reader: MetaReader): void {
    for (const batch of keptBatches(reader)) this.add(batch);
  }

  add({ sequence, bytes }: Pick<BatchIdentity, 'sequence' | 'bytes'>): void {
    this.totalBytes += bytes.length;
    if (this.totalBytes - (this.marks.at(-1)?.bytes ?? 0) >= markBytes) {
      this.marks.push({ sequence, bytes: this.totalBytes });
    }
  }

  /** Of these positions those too far behind. */
  beyond(positions: readonly { readonly node: NodeId; readonly sequence: number }[]): NodeId[] {
    return positions
      .filter(({ sequence }) => {
        const passed = this.marks.findLast((mark) => mark.sequence <= sequence)?.bytes ?? 0;
        return this.totalBytes - passed > this.limitBytes;
      })
      .map(({ node }) => node);
  }
}
