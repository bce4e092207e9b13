/** Where chunks lie: places that a batch, a scan or the cleaner brings. Keeps lengths and living bytes in step. */
import { DriveError } from '../../core/errors.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import type { NewPlace } from '../meta-store.js';
import type { SegmentId } from '../operations.js';
import type { StoredChunk } from '../tables/chunk-table.js';
import type { StoredSegment } from '../tables/segment-table.js';
import type { Tables } from '../tables/tables.js';

/**
 * From a batch: a segment that the index does not know is a bug (INTERNAL), and a chunk that was written again because
 * its segment did not do is read from the new one.
 */
export function addPlacesOfBatch(tables: Tables, places: readonly NewPlace[]): void {
  const next = nextSequence(tables);
  for (const [id, inSegment] of bySegment(places)) {
    const segment = tables.segments.get(id);
    if (segment === undefined) throw unknownSegment(id);
    for (const place of inSegment) {
      const chunk = tables.chunks.get(place.chunk);
      if (chunk === undefined) continue;
      if (chunk.segment !== null && !isBetter(tables, { place, segment, than: chunk.segment })) continue;
      setPlace(tables, chunk, { segment, place, next });
    }
    extend(tables, segment, inSegment);
  }
}

/** From a scan: only chunks without a place are of interest, and segments that the index knows. */
export function addFoundPlaces(tables: Tables, places: readonly ChunkPlace[]): void {
  const next = nextSequence(tables);
  for (const [id, inSegment] of bySegment(places)) {
    const segment = tables.segments.get(id);
    if (segment === undefined) continue;
    const taken = inSegment.filter((place) => {
      const refs = tables.chunks.setFirstPlace(segment.number, place);
      if (refs !== undefined && refs > 0) tables.segments.addLive(segment.number, place.recordBytes);
      return refs !== undefined;
    });
    if (taken.length > 0) tables.needs.rose(segment.number, next);
    // A scan also finds records that no batch ever named. They may be torn: no good copy would reach to their end.
    extend(tables, segment, taken);
  }
}

/**
 * From a scan while a replay goes on: the end of an open segment is not known yet, and what lies behind the end of a sealed
 * one does not count.
 */
export function addEarlyPlaces(tables: Tables, places: readonly ChunkPlace[]): void {
  for (const [id, inSegment] of bySegment(places)) {
    const segment = tables.segments.get(id);
    if (segment?.sealed !== 1) continue;
    addFoundPlaces(
      tables,
      inSegment.filter(({ offset, recordBytes }) => offset + recordBytes <= segment.length),
    );
  }
}

const nextSequence = ({ journal }: Tables): number => (journal.tip()?.sequence ?? 0) + 1;

/** Places of one segment together, so that its length changes once. */
function bySegment<P extends ChunkPlace>(places: readonly P[]): Map<SegmentId, P[]> {
  const groups = new Map<SegmentId, P[]>();
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
  const next = nextSequence(tables);
  for (const { from, to } of moves) {
    const target = tables.segments.get(to.segment);
    if (target === undefined) throw unknownSegment(to.segment);
    extend(tables, target, [to]);
    const chunk = tables.chunks.get(to.chunk);
    const source = tables.segments.get(from.segment);
    const isThere = source !== undefined && chunk?.segment === source.number && chunk.offset === from.offset;
    if (isThere) setPlace(tables, chunk, { segment: target, place: to, next });
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

function setPlace(
  { chunks, segments, needs }: Tables,
  chunk: StoredChunk,
  { segment, place, next }: { readonly segment: StoredSegment; readonly place: ChunkPlace; readonly next: number },
): void {
  chunks.setPlace(segment.number, place);
  needs.rose(segment.number, next);
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
