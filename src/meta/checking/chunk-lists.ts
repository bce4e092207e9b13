/**
 * Chunk lists and chunks, each read once from the first to the last: checksums of lists, references, places, and what
 * the segments say of both. Memory is one number a segment, as long as nothing is wrong.
 */
import { hash } from 'node:crypto';
import type { Progress } from '../../core/progress.js';
import { checksumOfPages, chunksPerPage, referenceBytes } from '../content-checksum.js';
import type { Connection } from '../sqlite/connection.js';
import type { StoredContent } from '../tables/content-table.js';
import type { Tables } from '../tables/tables.js';
import { named } from './findings.js';
import { ReferenceSum } from './reference-sum.js';

// Ids and digests as text: a million small buffers cost more than all else here.
type PageRow = [content: number, number: number, digest: string, chunks: Buffer];
type ChunkRow = [
  id: string,
  segment: number | null,
  offset: number,
  recordBytes: number,
  plainBytes: number,
  refs: number,
];

const progressEvery = 10_000;

export function checkChunkLists(
  connection: Connection,
  tables: Tables,
  onProgress: (progress: Progress) => void,
): string[] {
  const total = connection.prepare<[], number>('SELECT count(*) FROM content').pluck().get()!;
  const lists = new ListPass(connection, tables, (done) =>
    onProgress({ phase: 'reading chunk lists', done, total, unit: 'files' }),
  );
  const damaged = named(lists.damaged(), ([id]) => `content ${id}: the chunk list does not match its checksum`);
  const strays = named(lists.strays, ([id]) => `content ${id}: has a chunk list and does not exist`);
  onProgress({ phase: 'reading chunks', done: 0, total: null, unit: 'files' });
  const chunks = new ChunkPass(connection);
  const areReferencesRight = chunks.references.equals(lists.references);
  return [...damaged, ...strays, ...chunks.findings(), ...(areReferencesRight ? [] : wrongReferences(connection))];
}

/** Contents and pages side by side, both in the order of content ids. */
class ListPass {
  readonly references = new ReferenceSum();
  readonly strays: number[][] = [];
  readonly #tables: Tables;
  readonly #pages: IterableIterator<PageRow>;
  readonly #onContent: (count: number) => void;
  #page: PageRow | undefined;

  constructor(connection: Connection, tables: Tables, onContent: (count: number) => void) {
    this.#tables = tables;
    this.#onContent = onContent;
    const select = 'SELECT content, number, lower(hex(digest)), chunks FROM page ORDER BY content, number';
    this.#pages = connection.prepare<[], PageRow>(select).raw().iterate();
    this.#next();
  }

  *damaged(): Generator<[id: number]> {
    let count = 0;
    for (const content of this.#tables.contents.all()) {
      this.#skipStrays(content.id);
      if (!this.#isWhole(content)) yield [content.id];
      count += 1;
      if (count % progressEvery === 0) this.#onContent(count);
    }
    this.#skipStrays(Number.POSITIVE_INFINITY);
  }

  #isWhole({ id, sizeBytes, chunkCount, checksum }: StoredContent): boolean {
    const digests: string[] = [];
    let isWhole = true;
    let count = 0;
    let bytes = 0;
    for (; this.#page?.[0] === id; this.#next()) {
      const [, number, noted, chunks] = this.#page;
      const digest = hash('sha256', chunks, 'hex');
      // Every page but the last is full, and they follow each other.
      isWhole &&= number === digests.length && count === number * chunksPerPage && digest === noted;
      digests.push(digest);
      count += Math.ceil(chunks.length / referenceBytes);
      bytes += this.#count(chunks);
    }
    if (!isWhole || count !== chunkCount || bytes !== sizeBytes) return false;
    if (checksum === null) return true;
    return (
      checksumOfPages({ sizeBytes, count, pages: [Buffer.from(digests.join(''), 'hex')] }).toString('hex') === checksum
    );
  }

  #count(chunks: Buffer): number {
    let bytes = 0;
    for (let at = 0; at + referenceBytes <= chunks.length; at += referenceBytes) {
      const plainBytes = chunks.readUInt32LE(at + 32);
      this.references.add(chunks, at, { plainBytes, times: 1 });
      bytes += plainBytes;
    }
    return bytes;
  }

  #skipStrays(before: number): void {
    for (; this.#page !== undefined && this.#page[0] < before; this.#next()) {
      if (this.strays.at(-1)?.[0] !== this.#page[0]) this.strays.push([this.#page[0]]);
      this.#count(this.#page[3]);
    }
  }

  #next(): void {
    const { value, done } = this.#pages.next();
    this.#page = done ? undefined : value;
  }
}

interface SegmentSum {
  liveBytes: number;
  reach: number;
}

class ChunkPass {
  readonly references = new ReferenceSum();
  readonly #connection: Connection;
  readonly #segments = new Map<number, SegmentSum>();
  readonly #placeless: string[][] = [];
  readonly #negative: unknown[][] = [];
  readonly #id = Buffer.alloc(32);

  constructor(connection: Connection) {
    this.#connection = connection;
    const select = 'SELECT lower(hex(id)), segment, offset, record_bytes, plain_bytes, refs FROM chunk ORDER BY id';
    for (const row of connection.prepare<[], ChunkRow>(select).raw().iterate()) this.#take(row);
  }

  #take([id, segment, offset, recordBytes, plainBytes, refs]: ChunkRow): void {
    if (refs < 0) this.#negative.push([id, refs]);
    this.#id.write(id, 'hex');
    if (refs > 0) this.references.add(this.#id, 0, { plainBytes, times: refs });
    if (segment === null) {
      if (refs > 0) this.#placeless.push([id]);
      return;
    }
    const sum = this.#segments.get(segment) ?? { liveBytes: 0, reach: 0 };
    if (sum.reach === 0) this.#segments.set(segment, sum);
    sum.reach = Math.max(sum.reach, refs > 0 ? offset + recordBytes : 1);
    if (refs > 0) sum.liveBytes += recordBytes;
  }

  findings(): string[] {
    return [
      ...named(this.#negative, ([id, refs]) => `chunk ${id}: ${refs} references are noted`),
      ...named(this.#placeless, ([id]) => `chunk ${id}: its place is not known`),
      ...this.#compareSegments(),
    ];
  }

  #compareSegments(): string[] {
    const findings: string[] = [];
    const select = 'SELECT number, id, live_bytes, length FROM segment ORDER BY number';
    const segments = this.#connection.prepare<[], [number, string, number, number]>(select).raw();
    for (const [number, id, noted, length] of segments.iterate()) {
      const { liveBytes = 0, reach = 0 } = this.#segments.get(number) ?? {};
      this.#segments.delete(number);
      if (liveBytes !== noted) findings.push(`segment ${id}: ${noted} living bytes are noted, ${liveBytes} exist`);
      if (reach > Math.max(length, 1)) {
        findings.push(`segment ${id}: chunks reach to ${reach}, beyond its length ${length}`);
      }
    }
    const strangers = [...this.#segments.keys()].map((number) => [number]);
    const sentences = findings.map((sentence) => [sentence]);
    return [
      ...named(sentences, ([sentence]) => String(sentence)),
      ...named(strangers, ([number]) => `chunks in segment number ${number}: its segment does not exist`),
    ];
  }
}

/** Counts every reference of every chunk list, to name those that are wrong; needs memory for one number a chunk. */
function wrongReferences(connection: Connection): string[] {
  const counted = new Map<string, number>();
  for (const page of connection.prepare<[], Buffer>('SELECT chunks FROM page').pluck().iterate()) {
    for (let at = 0; at < page.length; at += referenceBytes) {
      const id = page.toString('latin1', at, at + referenceBytes);
      counted.set(id, (counted.get(id) ?? 0) + 1);
    }
  }
  const wrong: unknown[][] = [];
  const select = 'SELECT id, plain_bytes, refs FROM chunk';
  const length = Buffer.alloc(referenceBytes - 32);
  for (const [id, plainBytes, refs] of connection.prepare<[], [Buffer, number, number]>(select).raw().iterate()) {
    length.writeUInt32LE(plainBytes);
    const key = id.toString('latin1') + length.toString('latin1');
    const actual = counted.get(key) ?? 0;
    counted.delete(key);
    if (refs !== actual) wrong.push([id.toString('hex'), refs, actual]);
  }
  for (const [key, actual] of counted) wrong.push([Buffer.from(key, 'latin1').toString('hex', 0, 32), 0, actual]);
  return named(wrong, ([id, refs, actual]) => `chunk ${id}: ${refs} references are noted, ${actual} exist`);
}
