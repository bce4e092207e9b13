/** A segment's name: the epoch it was begun in and a counter inside that epoch, so ids are never used twice. */
import { DriveError } from '../core/errors.js';
import type { EpochId, SegmentId } from '../core/ids.js';

export interface SegmentIdParts {
  readonly epoch: EpochId;
  /** 0 to 2^32 - 1. */
  readonly counter: number;
}

const idPattern = /^([0-9a-f]{16})-([0-9a-f]{8})$/;
const fileSuffix = '.seg';

/** `<epoch, 16 hex>-<counter, 8 hex>`. */
export function formatSegmentId({ epoch, counter }: SegmentIdParts): SegmentId {
  return `${epoch}-${counter.toString(16).padStart(8, '0')}`;
}

/** CORRUPT when `id` is not the text of a segment id. */
export function parseSegmentId(id: string): SegmentIdParts {
  const match = idPattern.exec(id);
  if (!match) throw new DriveError('CORRUPT', { message: `not a segment id: ${JSON.stringify(id)}` });
  return { epoch: match[1]!, counter: Number.parseInt(match[2]!, 16) };
}

export function segmentFileName(id: SegmentId): string {
  return id + fileSuffix;
}

/** The segment whose file bears this name; undefined for every other name. */
export function segmentOfFileName(name: string): SegmentId | undefined {
  if (!name.endsWith(fileSuffix)) return undefined;
  const id = name.slice(0, -fileSuffix.length);
  return idPattern.test(id) ? id : undefined;
}
