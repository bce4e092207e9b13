/** What a segment file in an attic holds that the index needs and has nowhere else. */
import { createHash } from 'node:crypto';
import { hasCode } from '../../core/errors.js';
import type { SegmentId } from '../../core/ids.js';
import type { MetaReader } from '../../meta/meta-store.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { segmentFileName } from '../../segment/segment-id.js';
import { scanSegment } from '../../segment/segment-scan.js';
import { verifyReplica } from '../../store/read/segment-copy.js';
import { type PieceSource, verifiedPieces } from '../../store/read/verified-pieces.js';
import type { NodeStore } from '../../store/store-node.js';

export interface SegmentSurvey {
  /** Where the segment ends: what lies behind its last record was never promised. */
  readonly lengthBytes: number;
  /** Hex SHA-256 up to there; null when not every record verifies. */
  readonly hash: string | null;
  /** Living chunks without a place. */
  readonly placeless: readonly ChunkPlace[];
  /** Living chunks whose segment has no good copy left: from there, to here. */
  readonly lost: readonly { readonly from: ChunkPlace; readonly to: ChunkPlace }[];
}

/** More are not asked for at once; the next run finds the rest. */
const mostPlaceless = 1_000_000;

/** The file as a replica of its segment, where it lies. */
export function atticSource(store: NodeStore, atticName: string): PieceSource {
  return {
    id: store.id,
    read: (_folder, _name, position, lengthBytes, options) =>
      store.read('attic', atticName, position, lengthBytes, options),
  };
}

/** Reads the whole file. The errors of the node reject. */
export async function surveySegment(
  source: PieceSource,
  {
    segment,
    sizeBytes,
    reader,
    signal,
  }: { segment: SegmentId; sizeBytes: number; reader: MetaReader; signal?: AbortSignal | undefined },
): Promise<SegmentSurvey> {
  const sought = new Set(reader.chunksWithoutPlace(mostPlaceless));
  const placeless: ChunkPlace[] = [];
  const lost: { from: ChunkPlace; to: ChunkPlace }[] = [];
  let lengthBytes = sizeBytes;
  const read = (position: number, length: number) =>
    source.read('segments', segmentFileName(segment), position, length);
  for await (const item of scanSegment({ segment, sizeBytes, read, verifyPayload: true })) {
    if (item.kind === 'end') lengthBytes = item.rest === 'damaged' ? sizeBytes : item.offset;
    else if (item.condition === 'whole') {
      if (sought.has(item.place.chunk)) placeless.push(item.place);
      const known = reader.chunkPlace(item.place.chunk);
      const isLost = known && !known.replicas.some(({ state }) => state === 'good');
      if (isLost) lost.push({ from: known.place, to: item.place });
    }
  }
  const state = await verifyReplica({ segment, lengthBytes, hash: null, node: { store: source }, signal });
  const hash = state === 'good' ? await hashOf(source, segment, lengthBytes) : null;
  return { lengthBytes, hash, placeless, lost };
}

async function hashOf(source: PieceSource, segment: SegmentId, lengthBytes: number): Promise<string | null> {
  const sum = createHash('sha256');
  try {
    for await (const piece of verifiedPieces({ segment, lengthBytes, sources: [source] })) sum.update(piece);
  } catch (error) {
    if (hasCode(error, 'DAMAGED')) return null;
    throw error;
  }
  return sum.digest('hex');
}
