/**
 * How many copies segments need: as many as the most demanding living file in them, by the nearest setting above it. Finds
 * those that want another number, or have more copies than they want. Only what lies below folders with a setting is
 * walked: that a segment holds nothing else shows in the count of references to its chunks. Runs on a connection of its
 * own, in a thread (index-jobs.ts); what it costs is one look-up for each chunk below such folders.
 */
import { referenceBytes } from '../content-checksum.js';
import type { ContentId, SegmentId } from '../operations.js';
import type { Connection } from '../sqlite/connection.js';
import { guardRows } from '../sqlite/row-sums.js';
import { openTables, type Tables } from '../tables/tables.js';

export interface SegmentNeed {
  readonly segment: SegmentId;
  /** What its files need; null: the volume's number. */
  readonly replicas: number | null;
  /** 'more' than it wants, 'fewer', or as many while it has 'spare' copies. */
  readonly kind: 'more' | 'fewer' | 'spare';
}

export interface SegmentNeeds {
  /** Sequence number of the state that was read. */
  readonly asOf: number;
  /** Those that need more first; at most `mostNeeds`. */
  readonly segments: readonly SegmentNeed[];
}

/** Found in one pass; the next one finds the others. */
export const mostNeeds = 10_000;

/** References to the chunks of a segment that were met, and the greatest need among them. */
interface Met {
  need: number;
  references: number;
  /** Of uploads that are not finished: where they will be put is not known. */
  undecided: number;
}

/**
 * Contents below folders with a setting, and those that ended rows hold, which need nothing. A content that has more
 * holders than these is held by a living file elsewhere.
 */
const heldContents = `
  WITH RECURSIVE below(folder, need) AS (
    SELECT protection.entry, replicas FROM protection
    UNION ALL
    SELECT entry.id, need FROM below JOIN entry ON entry.parent = folder
    WHERE entry.kind = 1 AND entry.id NOT IN (SELECT protection.entry FROM protection)),
  held(content, need) AS (
    SELECT entry.content, need FROM below JOIN entry ON entry.parent = folder WHERE entry.kind = 0
    UNION ALL SELECT past.content, 0 FROM past WHERE past.kind = 0)
  SELECT held.content, max(need), count(*), content.refs FROM held JOIN content ON content.id = held.content
  GROUP BY held.content`;

export function findSegmentNeeds(connection: Connection): SegmentNeeds {
  connection.pragma('temp_store = 1'); // Sorting a million contents takes a file rather than memory.
  guardRows(connection, 'reads');
  connection.exec('BEGIN'); // One state for all questions.
  const tables = openTables(connection);
  const volume = tables.nodes.volume();
  const asOf = tables.journal.tip()?.sequence ?? 0;
  const own = connection.prepare<[], number>('SELECT number FROM segment WHERE wanted IS NOT NULL').pluck().all();
  const isUnset = tables.protection.all().size === 0 && own.length === 0;
  if (volume === undefined || isUnset) return { asOf, segments: [] };
  const met = new NeedsMet(connection, tables);
  met.takeHeld(volume.replicas);
  met.takeUnheld();
  const segments = met.compare(own, volume.replicas);
  return { asOf, segments: segments.slice(0, mostNeeds) };
}

class NeedsMet {
  readonly #connection: Connection;
  readonly #tables: Tables;
  readonly #segments = new Map<number, Met>();

  constructor(connection: Connection, tables: Tables) {
    this.#connection = connection;
    this.#tables = tables;
  }

  takeHeld(usual: number): void {
    const held = this.#connection.prepare<[], [ContentId, number, number, number]>(heldContents).raw();
    for (const [content, need, holders, refs] of held.iterate()) {
      this.#take(content, { need: refs > holders ? Math.max(need, usual) : need, isDecided: true });
    }
  }

  takeUnheld(): void {
    const unheld = this.#connection
      .prepare<[], [ContentId, 0 | 1]>('SELECT id, checksum IS NOT NULL FROM content WHERE refs = 0')
      .raw();
    for (const [content, isFinished] of unheld.iterate()) this.#take(content, { need: 0, isDecided: isFinished === 1 });
  }

  compare(own: readonly number[], usual: number): SegmentNeed[] {
    const references = this.#connection
      .prepare<[number], number>('SELECT total(refs) FROM chunk WHERE segment = ? AND refs > 0')
      .pluck();
    const found: SegmentNeed[] = [];
    for (const number of new Set([...own, ...this.#segments.keys()])) {
      const segment = this.#tables.segments.byNumber(number);
      if (segment === undefined) continue;
      const { need, references: known, undecided } = this.#segments.get(number) ?? nothingMet;
      const isElsewhere = references.get(number)! > known + undecided;
      const needed = isElsewhere ? Math.max(need, usual) : need;
      // Only the dying and the undecided refer to it.
      if (needed === 0) continue;
      const replicas = needed === usual ? null : needed;
      const { id, copiesWanted, good, sealed } = segment;
      if (needed > copiesWanted) found.push({ segment: id, replicas, kind: 'more' });
      else if (sealed === 0 || undecided > 0) continue;
      else if (needed < copiesWanted) found.push({ segment: id, replicas, kind: 'fewer' });
      else if (good > copiesWanted) found.push({ segment: id, replicas, kind: 'spare' });
    }
    return [...found.filter(({ kind }) => kind === 'more'), ...found.filter(({ kind }) => kind !== 'more')];
  }

  #take(content: ContentId, { need, isDecided }: { readonly need: number; readonly isDecided: boolean }): void {
    const stored = this.#tables.contents.get(content);
    for (let number = 0; stored !== undefined && number < stored.chunkCount; number += 1) {
      const page = this.#tables.contents.page(content, number);
      if (page === undefined) return;
      for (let at = 0; at + referenceBytes <= page.length; at += referenceBytes) {
        const segment = this.#tables.chunks.get(page.toString('hex', at, at + 32))?.segment ?? null;
        if (segment !== null) this.#note(segment, need, isDecided);
      }
    }
  }

  #note(segment: number, need: number, isDecided: boolean): void {
    const met = this.#segments.get(segment) ?? { ...nothingMet };
    this.#segments.set(segment, met);
    met.need = Math.max(met.need, need);
    if (isDecided) met.references += 1;
    else met.undecided += 1;
  }
}

const nothingMet: Met = { need: 0, references: 0, undecided: 0 };
