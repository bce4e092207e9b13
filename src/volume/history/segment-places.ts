/** Finds where chunks lie by reading the segments themselves: for replay after a crash and for rebuilding the index. */
import { hasCode } from '../../core/errors.js';
import type { ChunkId, NodeId, SegmentId } from '../../core/ids.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { segmentFileName } from '../../segment/segment-id.js';
import { type RecordCondition, scanSegment } from '../../segment/segment-scan.js';
import type { EngineNode } from '../engine-node.js';

export interface FoundRecord {
  readonly place: ChunkPlace;
  readonly node: NodeId;
  readonly condition: RecordCondition;
}

export interface SegmentToScan {
  readonly id: SegmentId;
  readonly nodes: readonly NodeId[];
}

export interface ScanReport {
  readonly records: readonly FoundRecord[];
  /** False when a node that should hold the segment is absent or could not be read: then nothing follows from what is missing. */
  readonly complete: boolean;
}

/**
 * Records of one segment on all of its present nodes. `lengthBytes`: the sealed length, when known. Payloads are read
 * only with `verifyPayload`.
 */
export async function scanOnNodes(
  segment: SegmentToScan,
  nodes: readonly EngineNode[],
  options: { readonly verifyPayload: boolean; readonly lengthBytes?: number | undefined },
): Promise<ScanReport> {
  const records: FoundRecord[] = [];
  let complete = true;
  for (const id of segment.nodes) {
    const node = nodes.find((candidate) => candidate.id === id);
    if (!node) {
      complete = false;
      continue;
    }
    try {
      for await (const place of scanOne(segment.id, node, options)) records.push({ ...place, node: id });
    } catch (error) {
      if (hasCode(error, 'FILE_MISSING')) continue;
      if (!hasCode(error, 'NODE_GONE', 'NODE_IO')) throw error;
      complete = false;
    }
  }
  return { records, complete };
}

async function* scanOne(
  segment: SegmentId,
  node: EngineNode,
  options: { readonly verifyPayload: boolean; readonly lengthBytes?: number | undefined },
): AsyncGenerator<{ place: ChunkPlace; condition: RecordCondition }> {
  const name = segmentFileName(segment);
  const sizeBytes = options.lengthBytes ?? (await sizeOf(node, name));
  const items = scanSegment({
    segment,
    sizeBytes,
    verifyPayload: options.verifyPayload,
    read: (position, length) => node.store.read('segments', name, position, length),
  });
  for await (const item of items) if (item.kind === 'record') yield item;
}

/** A read far past the end of a file is short: sizes come from the listing. 0 when the file is not there. */
async function sizeOf(node: EngineNode, name: string): Promise<number> {
  const file = (await node.store.list('segments')).find((candidate) => candidate.name === name);
  return file?.sizeBytes ?? 0;
}

/** One place for each chunk, from the copies in the best condition. */
export function bestPlaces(records: readonly FoundRecord[]): Map<ChunkId, FoundRecord> {
  const best = new Map<ChunkId, FoundRecord>();
  const rank = { whole: 0, damaged: 1, cut: 2 } as const;
  for (const record of records) {
    const known = best.get(record.place.chunk);
    if (!known || rank[record.condition] < rank[known.condition]) best.set(record.place.chunk, record);
  }
  return best;
}
