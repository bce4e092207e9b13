/**
 * Files in which a read found damage, for the status. One is listed while it still has the content that was read and a
 * segment of it has no good copy, or the place of a part is not known; so it goes by itself when it is saved anew, deleted or healed, and when it is read
 * whole again. Kept in memory only: a restart begins anew.
 */
import type { DriveError } from '../../core/errors.js';
import type { SegmentId } from '../../core/ids.js';
import type { MetaReader } from '../../meta/meta-store.js';
import type { ChunkId, ContentId, EntryId } from '../../meta/operations.js';
import type { EntryRow } from '../../meta/rows.js';

interface Damage {
  readonly content: ContentId | null;
  readonly segments: Set<SegmentId>;
  /** Their places were not known. */
  readonly chunks: Set<ChunkId>;
}

/** The figure is for people; what is damaged beyond it shows when these are mended. */
const keptFiles = 10_000;

export class DamagedFiles {
  private readonly found = new Map<EntryId, Damage>();

  /** Its path when this was not known yet. */
  note({ id, content, name }: EntryRow, error: DriveError, reader: MetaReader): string | undefined {
    const known = this.found.get(id);
    const isNew = known?.content !== content;
    if (isNew && !known && this.found.size >= keptFiles) return undefined;
    const damage = known && !isNew ? known : { content, segments: new Set<SegmentId>(), chunks: new Set<ChunkId>() };
    if (typeof error.details.segment === 'string') damage.segments.add(error.details.segment);
    if (typeof error.details.chunk === 'string') damage.chunks.add(error.details.chunk);
    this.found.set(id, damage);
    return isNew ? asText(reader.pathOf(id) ?? [name]) : undefined;
  }

  noteWhole({ id, content }: EntryRow): void {
    if (this.found.get(id)?.content === content) this.found.delete(id);
  }

  /** Paths as of now, at most `limit`. */
  list(reader: MetaReader, limit: number): string[] {
    const paths: string[] = [];
    for (const [id, damage] of this.found) {
      if (paths.length >= limit) break;
      if (reader.entry(id)?.content !== damage.content) this.found.delete(id);
      else if (isUnhealed(damage, reader)) paths.push(asText(reader.pathOf(id) ?? []));
    }
    return paths;
  }
}

const asText = (names: readonly string[]): string => `/${names.join('/')}`;

function isUnhealed({ segments, chunks }: Damage, reader: MetaReader): boolean {
  if ([...chunks].some((chunk) => reader.chunkPlace(chunk) === undefined)) return true;
  return [...segments].some((id) => {
    const segment = reader.segment(id);
    // Cleaning moves only what it could read.
    return segment !== undefined && !segment.replicas.some(({ state }) => state === 'good');
  });
}
