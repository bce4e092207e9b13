/**
 * What to clean next, from the figures of all segments. Pure.
 *
 * Emptying a segment must give back a good part of a segment, whatever share of it is dead: rewriting small ones for
 * some bytes would never end. Small segments are merged instead, when there are many: the smallest ones, half of them,
 * so that what came of an earlier merge is left alone until it is one of the small ones itself.
 */
import type { SegmentRow } from '../../meta/rows.js';
import { footerBytes } from '../../segment/segment-footer.js';
import { segmentHeaderBytes } from '../../segment/segment-header.js';

/** `wanted`: only segments that are to have equally many copies are merged. */
export type SegmentFigures = Pick<SegmentRow, 'id' | 'lengthBytes' | 'liveBytes' | 'wanted'>;

export interface CleaningPlan {
  /** Nothing in them is referred to. */
  readonly dead: readonly string[];
  /** To be emptied, in this order. */
  readonly emptied: readonly string[];
}

export interface PlanOptions {
  /** Length limit of a segment now. */
  readonly segmentBytes: number;
  /** Room is short: nearly any dead byte is worth the work. */
  readonly isScarce: boolean;
}

/** Living share below which a segment is emptied. */
const usualThreshold = 0.5;
const scarceThreshold = 0.95;
/** Dead bytes that make it worth the work; of small segments an eighth of the limit. */
const leastSavedBytes = 1024 * 1024;
/** A segment below this share of the limit is small; with more of them than this they are merged. */
const smallShare = 1 / 8;
const mostSmall = 16;

export function planCleaning(segments: readonly SegmentFigures[], options: PlanOptions): CleaningPlan {
  const dead = segments.filter((segment) => segment.liveBytes === 0).map(({ id }) => id);
  const living = segments.filter((segment) => segment.liveBytes > 0);
  const sparse = living.filter((segment) => isWorthEmptying(segment, options));
  sparse.sort((a, b) => liveShare(a) - liveShare(b));
  const kinds = [...new Set(living.map(({ wanted }) => wanted))];
  const small = kinds.flatMap((kind) =>
    smallOnes(
      living.filter(({ wanted }) => wanted === kind),
      options,
    ),
  );
  const merged = small.filter((segment) => !sparse.includes(segment));
  return { dead, emptied: [...sparse, ...merged].map(({ id }) => id) };
}

/** Whether writing the living records anew gives back enough: their own footer costs something too. */
export function isWorthEmptying(
  segment: Pick<SegmentFigures, 'lengthBytes' | 'liveBytes'>,
  { segmentBytes, isScarce }: PlanOptions,
  livingRecords = 1,
): boolean {
  const saved = segment.lengthBytes - segment.liveBytes - segmentHeaderBytes - footerBytes(livingRecords);
  const least = Math.min(leastSavedBytes, segmentBytes / 8);
  return saved >= least && liveShare(segment) < (isScarce ? scarceThreshold : usualThreshold);
}

function smallOnes(living: readonly SegmentFigures[], { segmentBytes }: PlanOptions): SegmentFigures[] {
  const small = living.filter(({ lengthBytes }) => lengthBytes < segmentBytes * smallShare);
  if (small.length <= mostSmall) return [];
  small.sort((a, b) => a.lengthBytes - b.lengthBytes);
  const half = small.slice(0, Math.ceil(small.length / 2));
  let bytes = 0;
  // What does not fit one segment would only make a second small one.
  return half.filter(({ liveBytes }, index) => {
    bytes += liveBytes;
    return index < 2 || bytes < segmentBytes;
  });
}

const liveShare = ({ lengthBytes, liveBytes }: Pick<SegmentFigures, 'lengthBytes' | 'liveBytes'>): number =>
  lengthBytes === 0 ? 0 : liveBytes / lengthBytes;
