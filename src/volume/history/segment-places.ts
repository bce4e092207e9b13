/** Finds where chunks lie by reading the segments themselves: for replay after a crash and for rebuilding the index. */
import { DriveError, hasCode } from '../../core/errors.js';
import type { SegmentId } from '../../core/ids.js';
import type { Progress } from '../../core/progress.js';
import type { MetaStore } from '../../meta/meta-store.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { segmentFileName, segmentOfFileName } from '../../segment/segment-id.js';
import { scanSegment } from '../../segment/segment-scan.js';
import type { EngineNode } from '../engine-node.js';

export interface PlaceSearch {
  readonly meta: MetaStore;
  /** Present nodes. */
  readonly nodes: readonly EngineNode[];
  /** Only these are read; all that the index knows when absent. */
  readonly segments?: ReadonlySet<SegmentId> | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Copy {
  readonly node: EngineNode;
  readonly sizeBytes: number;
}

/** Places handed to the index at once. */
const placesAtOnce = 5_000;

/**
 * Gives the index the places of the chunks that have none, from the records' heads in the segment files that are here;
 * reads nothing when none is sought. Chunks on nodes that are away stay without a place. ABORTED.
 */
export async function findPlaces({ meta, nodes, segments, onProgress, signal }: PlaceSearch): Promise<void> {
  const isDone = () => meta.reader.chunksWithoutPlace(1).length === 0;
  if (segments?.size === 0 || isDone()) return;
  const files = await copiesOnNodes(nodes);
  let done = 0;
  let places: ChunkPlace[] = [];
  for (const [segment, copies] of files) {
    if (signal?.aborted) throw new DriveError('ABORTED');
    onProgress?.({ phase: 'reading segments', done: done++, total: files.size, unit: 'segments' });
    if (segments && !segments.has(segment)) continue;
    const row = meta.reader.segment(segment);
    if (!row) continue; // Retired, or nothing in it was ever committed.
    for (const copy of copies) {
      const { found, clean } = await scanCopy(segment, copy, row.state === 'sealed' ? row.lengthBytes : copy.sizeBytes);
      places.push(...found);
      // One clean copy of a sealed segment tells everything; damage in one is made up for by the others. Copies of an
      // open one end in different places: each of them is clean, and none needs to be whole.
      if (clean && row.state === 'sealed') break;
    }
    if (places.length < placesAtOnce) continue;
    await meta.writer.addPlaces(places);
    places = [];
    if (isDone()) return;
  }
  if (places.length > 0) await meta.writer.addPlaces(places);
}

/**
 * Places in these segments as their files have them, a part at a time; in the order of `findPlaces`. Each segment is read
 * once by all calls. The index is not asked: it decides which of them count.
 */
export function earlyPlaces({ nodes, onProgress, signal }: Omit<PlaceSearch, 'meta' | 'segments'>) {
  const read = new Set<SegmentId>();
  return async function* (segments: ReadonlySet<SegmentId>): AsyncGenerator<readonly ChunkPlace[]> {
    const files = [...(await copiesOnNodes(nodes))].filter(([segment]) => segments.has(segment) && !read.has(segment));
    for (const [at, [segment, copies]] of files.entries()) {
      if (signal?.aborted) throw new DriveError('ABORTED');
      onProgress?.({ phase: 'reading segments', done: at, total: files.length, unit: 'segments' });
      read.add(segment);
      for (const copy of copies) {
        const { found, clean } = await scanCopy(segment, copy, copy.sizeBytes);
        for (let at = 0; at < found.length; at += placesAtOnce) yield found.slice(at, at + placesAtOnce);
        if (clean) break;
      }
    }
  };
}

/** A node that cannot be listed is as good as away. */
async function copiesOnNodes(nodes: readonly EngineNode[]): Promise<Map<SegmentId, Copy[]>> {
  const files = new Map<SegmentId, Copy[]>();
  for (const node of nodes) {
    try {
      for (const { name, sizeBytes } of await node.store.list('segments')) {
        const segment = segmentOfFileName(name);
        if (segment) files.set(segment, [...(files.get(segment) ?? []), { node, sizeBytes }]);
      }
    } catch (error) {
      if (!hasCode(error, 'NODE_GONE', 'NODE_IO')) throw error;
    }
  }
  return files;
}

async function scanCopy(
  segment: SegmentId,
  { node, sizeBytes }: Copy,
  lengthBytes: number,
): Promise<{ found: ChunkPlace[]; clean: boolean }> {
  const found: ChunkPlace[] = [];
  let clean = sizeBytes >= lengthBytes;
  try {
    const read = (position: number, length: number) =>
      node.store.read('segments', segmentFileName(segment), position, length);
    for await (const item of scanSegment({
      segment,
      sizeBytes: Math.min(sizeBytes, lengthBytes),
      read,
      verifyPayload: false,
    })) {
      if (item.kind === 'record' && item.condition === 'whole') found.push(item.place);
      if (item.kind === 'end') clean &&= item.rest === 'clean';
    }
  } catch (error) {
    if (!hasCode(error, 'CORRUPT', 'FILE_MISSING', 'NODE_GONE', 'NODE_IO')) throw error;
    clean = false;
  }
  return { found, clean };
}
