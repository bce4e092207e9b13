/** Where chunks lie: places that a batch, a scan or the cleaner brings. Keeps lengths and living bytes in step. */
import { DriveError } from '../../core/errors.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import type { NewPlace } from '../meta-store.js';
import type { SegmentId } from '../operations.js';
import type { StoredChunk } from '../tables/chunk-table.js';
import type { StoredSegment } from '../tables/segment-table.js';
import type { Tables } from '../tables/tables.js';

/**
 * `from` a batch: a segment that the index does not know is a bug (INTERNAL), and a chunk that was written again because
 * its segment did not do is read from the new one. From a scan: only chunks without a place are of interest.
 */
export function addPlaces(tables: Tables, places: readonly NewPlace[], from: 'batch' | 'scan'): void {
  for (const [id, inSegment] of bySegment(places)) {
    const segment = tables.segments.get(id);
    if (segment === undefined) {
      if (from === 'batch') throw unknownSegment(id);
      continue;
    }
    const taken: NewPlace[] = [];
    for (const place of inSegment) {
      const chunk = tables.chunks.get(place.chunk);
      if (chunk === undefined) continue;
      const isWanted =
        chunk.segment === null || (from === 'batch' && isBetter(tables, { place, segment, than: chunk.segment }));
      if (!isWanted) continue;
      setPlace(tables, chunk, segment, place);
      taken.push(place);
    }
    // A scan also finds records that no batch ever named. They may be torn: no good copy would reach to their end.
    extend(tables, segment, from === 'batch' ? inSegment : taken);
  }
}

/** Places of one segment together, so that its length changes once. */
function bySegment(places: readonly NewPlace[]): Map<SegmentId, NewPlace[]> {
  const groups = new Map<SegmentId, NewPlace[]>();
  for (const place of places) {
    const group = groups.get(place.segment);
    if (group === undefined) groups.set(place.segment, [place]);
    else group.push(place);
  }
  return groups;
}

/** Each only where the place is still `from`. */
export function movePlaces(
  tables: Tables,
  moves: readonly { readonly from: ChunkPlace; readonly to: ChunkPlace }[],
): void {
  for (const { from, to } of moves) {
    const target = tables.segments.get(to.segment);
    if (target === undefined) throw unknownSegment(to.segment);
    extend(tables, target, [to]);
    const chunk = tables.chunks.get(to.chunk);
    const source = tables.segments.get(from.segment);
    const isThere = source !== undefined && chunk?.segment === source.number && chunk.offset === from.offset;
    if (isThere) setPlace(tables, chunk, target, to);
  }
}

function isBetter(
  { segments }: Tables,
  { place, segment, than }: { readonly place: NewPlace; readonly segment: StoredSegment; readonly than: number },
): boolean {
  const known = segments.byNumber(than);
  if (known === undefined || known.id === place.instead) return true;
  return segment.good > known.good && segment.copiesWanted >= known.copiesWanted;
}

function setPlace(tables: Tables, chunk: StoredChunk, segment: StoredSegment, place: ChunkPlace): void {
  const { chunks, segments, journal, needs } = tables;
  chunks.setPlace(segment.number, place);
  needs.rose(segment.number, (journal.tip()?.sequence ?? 0) + 1);
  if (chunk.refs === 0) return;
  if (chunk.segment !== null) segments.addLive(chunk.segment, -chunk.recordBytes);
  segments.addLive(segment.number, place.recordBytes);
}

/** An open segment reaches to the end of its last record. */
function extend({ segments }: Tables, segment: StoredSegment, places: readonly ChunkPlace[]): void {
  const end = places.reduce((reach, { offset, recordBytes }) => Math.max(reach, offset + recordBytes), 0);
  if (segment.sealed === 0 && end > segment.length) segments.setLength(segment, end);
}

function unknownSegment(id: string): DriveError {
  return new DriveError('INTERNAL', { message: `a chunk was put into segment ${id}, which the index does not know` });
}
