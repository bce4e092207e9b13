/**
 * Chunks that contents refer to, and where they lie. A chunk whose last reference went (refs 0) keeps its row until its
 * segment is retired, so that a reference made meanwhile finds it again; only chunks with references are living.
 */
import type { ChunkPlace } from '../../segment/chunk-place.js';
import type { ChunkId, ChunkReference } from '../operations.js';
import type { Connection } from '../sqlite/connection.js';
import { RowInsert } from '../sqlite/row-insert.js';
import { SumWriter, sumAsStored } from '../sqlite/row-sums.js';

export interface StoredChunk {
  /** null while no place is known. */
  readonly segment: number | null;
  readonly offset: number;
  readonly recordBytes: number;
  readonly plainBytes: number;
  readonly refs: number;
}

type Raw = [segment: number | null, offset: number, recordBytes: number, plainBytes: number, refs: number];
/** Of a chunk without a place, whose row is not in the table yet. */
interface HeldChunk {
  readonly plainBytes: number;
  refs: number;
}

/** Rows held back at most: some 30 MiB. */
const heldLimit = 150_000;
const columns = 'segment, offset, record_bytes, plain_bytes, refs';

export const chunkKey = (id: ChunkId): Buffer => Buffer.from(id, 'hex');

export class ChunkTable {
  readonly #sums;
  readonly #get;
  readonly #insert;
  readonly #isStored;
  readonly #refer;
  readonly #release;
  readonly #setPlace;
  readonly #unplaced;
  readonly #setFirstPlace;
  readonly #living;
  readonly #anyLiving;
  readonly #withoutPlace;
  readonly #removeDead;
  readonly #removeUnplaced;
  readonly #forgetPlaces;
  /** In a replay the place comes when the segment is read: the row is written once. */
  readonly #held = new Map<ChunkId, HeldChunk>();

  constructor(connection: Connection) {
    this.#get = connection.prepare<[Buffer], Raw>(`SELECT ${columns} FROM chunk WHERE id = ?`).raw();
    this.#sums = new SumWriter(connection, 'chunk');
    this.#insert = new RowInsert(connection, 'chunk', { onConflict: 'ON CONFLICT (id) DO NOTHING' });
    this.#isStored = connection.prepare<[Buffer], number>('SELECT 1 FROM chunk_row WHERE id = ?').pluck();
    this.#refer = connection
      .prepare<[Buffer], Raw>(`UPDATE chunk_row SET refs = refs + 1 WHERE id = ? RETURNING ${columns}`)
      .raw();
    this.#release = connection
      .prepare<[Buffer], Raw>(`UPDATE chunk_row SET refs = refs - 1 WHERE id = ? RETURNING ${columns}`)
      .raw();
    this.#setPlace = connection.prepare('UPDATE chunk_row SET segment = ?, offset = ?, record_bytes = ? WHERE id = ?');
    this.#unplaced = connection
      .prepare<[Buffer], [plainBytes: number, refs: number, sum: number]>(
        'SELECT plain_bytes, refs, row_sum FROM chunk_row WHERE id = ? AND segment IS NULL',
      )
      .raw();
    this.#setFirstPlace = connection.prepare(
      'UPDATE chunk_row SET segment = ?, offset = ?, record_bytes = ?, row_sum = ? WHERE id = ?',
    );
    this.#living = connection
      .prepare<[number, number, number], [Buffer, number, number, number]>(
        `SELECT id, offset, record_bytes, plain_bytes FROM chunk
         WHERE segment = ? AND offset > ? AND refs > 0 ORDER BY offset LIMIT ?`,
      )
      .raw();
    this.#anyLiving = connection
      .prepare<[number], number>('SELECT 1 FROM chunk WHERE segment = ? AND refs > 0 LIMIT 1')
      .pluck();
    this.#withoutPlace = connection
      .prepare<[number], Buffer>('SELECT id FROM chunk WHERE segment IS NULL ORDER BY id LIMIT ?')
      .pluck();
    this.#removeDead = connection.prepare('DELETE FROM chunk_row WHERE segment = ? AND refs = 0');
    this.#removeUnplaced = connection.prepare('DELETE FROM chunk_row WHERE id = ? AND segment IS NULL AND refs = 0');
    this.#forgetPlaces = connection.prepare(
      'UPDATE chunk_row SET segment = NULL, offset = NULL, record_bytes = NULL WHERE segment = ?',
    );
  }

  get(id: ChunkId): StoredChunk | undefined {
    const held = this.#held.get(id);
    if (held !== undefined) return { ...unplaced, ...held };
    return toChunk(this.#get.get(chunkKey(id)));
  }

  /** One reference more; the row is made when there is none. Returns it as it is now. */
  refer([id, plainBytes]: ChunkReference): StoredChunk {
    const held = this.#held.get(id);
    if (held !== undefined) held.refs += 1;
    if (held !== undefined) return { ...unplaced, ...held };
    const key = chunkKey(id);
    // Nearly every chunk is a new one, and an UPDATE of nothing costs twice as much.
    if (this.#isStored.get(key) !== undefined) return toChunk(this.#refer.get(key))!;
    this.#held.set(id, { plainBytes, refs: 1 });
    if (this.#held.size >= heldLimit) this.settle();
    return { ...unplaced, plainBytes, refs: 1 };
  }

  /** One reference less; undefined when the chunk is not known. */
  release(id: ChunkId): StoredChunk | undefined {
    this.#settleOne(id);
    const key = chunkKey(id);
    const chunk = toChunk(this.#release.get(key));
    // Without a place it belongs to no segment, so no retirement would ever take it.
    if (chunk?.refs === 0 && chunk.segment === null) this.#removeUnplaced.run(key);
    return chunk;
  }

  setPlace(segment: number, place: ChunkPlace): void {
    this.#settleOne(place.chunk);
    this.#setPlace.run(segment, place.offset, place.recordBytes, chunkKey(place.chunk));
  }

  /** Only of a chunk without a place: how many references it has. undefined when it is not known, or has a place. */
  setFirstPlace(segment: number, place: ChunkPlace): number | undefined {
    const { offset, recordBytes } = place;
    const key = chunkKey(place.chunk);
    const held = this.#held.get(place.chunk);
    if (held !== undefined) {
      this.#insert.run(key, segment, offset, recordBytes, held.plainBytes, held.refs);
      this.#held.delete(place.chunk);
      return held.refs;
    }
    const row = this.#unplaced.get(key);
    if (row === undefined) return undefined;
    const [plainBytes, refs, before] = row;
    this.#sums.demandIntact(before, [key, null, null, null, plainBytes, refs]);
    const after = sumAsStored([key, segment, offset, recordBytes, plainBytes, refs]);
    this.#setFirstPlace.run(segment, offset, recordBytes, after, key);
    this.#sums.replaced(before, after);
    return refs;
  }

  /** Living chunks of a segment by offset. */
  living(segment: number, afterOffset: number, limit: number): Omit<ChunkPlace, 'segment'>[] {
    return this.#living
      .all(segment, afterOffset, limit)
      .map(([id, offset, recordBytes, plainBytes]) => ({ chunk: id.toString('hex'), offset, recordBytes, plainBytes }));
  }

  hasLiving(segment: number): boolean {
    return this.#anyLiving.get(segment) !== undefined;
  }

  withoutPlace(limit: number): ChunkId[] {
    this.settle();
    return this.#withoutPlace.all(limit).map((id) => id.toString('hex'));
  }

  /** The segment goes: dead chunks with it; should one be living, its place is unknown from now on. */
  forgetSegment(segment: number): void {
    this.#removeDead.run(segment);
    this.#forgetPlaces.run(segment);
  }

  /** Writes the rows that are held back. */
  settle(): void {
    for (const [id, { plainBytes, refs }] of this.#held)
      this.#insert.run(chunkKey(id), null, null, null, plainBytes, refs);
    this.#held.clear();
  }

  /** After a rollback. */
  forgetHeld(): void {
    this.#held.clear();
  }

  #settleOne(id: ChunkId): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#insert.run(chunkKey(id), null, null, null, held.plainBytes, held.refs);
    this.#held.delete(id);
  }
}

const unplaced = { segment: null, offset: 0, recordBytes: 0 } as const;

function toChunk(raw: Raw | undefined): StoredChunk | undefined {
  if (raw === undefined) return undefined;
  return { segment: raw[0], offset: raw[1], recordBytes: raw[2], plainBytes: raw[3], refs: raw[4] };
}
