import type { ChunkId, SegmentId } from '../core/ids.js';

/** Where a chunk lies: one record of one segment. */
export interface ChunkPlace {
  readonly chunk: ChunkId;
  readonly segment: SegmentId;
  /** Of the record (its header) in the segment file. */
  readonly offset: number;
  /** Whole record: header, block table, payload. */
  readonly recordBytes: number;
  readonly plainBytes: number;
}
