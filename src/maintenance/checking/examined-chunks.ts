/** The living chunks of a segment, each read from the disks of some nodes: so a bad copy is told file by file. */
import { DriveError } from '../../core/errors.js';
import type { ChunkId, SegmentId } from '../../core/ids.js';
import { verifyRecord } from '../../store/read/segment-copy.js';
import { isReadable } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';

export interface ExaminedChunk {
  readonly chunk: ChunkId;
  /** Nodes on which it verifies, does not, and cannot be read now. */
  readonly good: number;
  readonly bad: number;
  readonly unknown: number;
}

export interface Examination {
  readonly segment: SegmentId;
  readonly nodes: readonly MaintenanceNode[];
  readonly signal?: AbortSignal | undefined;
  readonly pace?: (() => Promise<void>) | undefined;
}

const pageChunks = 1_000;

/** ABORTED. */
export async function* examineChunks(
  host: Pick<MaintenanceHost, 'reader'>,
  { segment, nodes, signal, pace }: Examination,
): AsyncGenerator<ExaminedChunk, void> {
  for (let after = -1; ; ) {
    const places = host.reader.segmentChunks(segment, after, pageChunks);
    for (const place of places) {
      const counts = { good: 0, bad: 0, unknown: 0 };
      for (const node of nodes) {
        if (signal?.aborted) throw new DriveError('ABORTED');
        counts[isReadable(node.state) ? await verifyRecord(node.store, place) : 'unknown'] += 1;
        await pace?.();
      }
      yield { chunk: place.chunk, ...counts };
    }
    if (places.length < pageChunks) return;
    after = places.at(-1)!.offset;
  }
}
