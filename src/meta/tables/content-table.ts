/**
 * Contents and the pages of their chunk lists. A content without a checksum is still being recorded (a running upload).
 * `refs` counts the entries, living and ended, that hold it. Content ids start at 1.
 */
import { checksumOfPages, chunksPerPage, decodePage, encodePage, pageDigest } from '../content-checksum.js';
import type { ChunkReference, ContentId } from '../operations.js';
import type { Connection } from '../sqlite/connection.js';

export interface StoredContent {
  readonly id: ContentId;
  readonly sizeBytes: number;
  readonly chunkCount: number;
  /** null while the content is being recorded. */
  readonly checksum: string | null;
  readonly refs: number;
}

const columns = 'id, size AS sizeBytes, count AS chunkCount, checksum, refs';

export class ContentTable {
  readonly #get;
  readonly #all;
  readonly #withoutEntry;
  readonly #anyFinishedWithoutEntry;
  readonly #unfinished;
  readonly #insert;
  readonly #extend;
  readonly #finish;
  readonly #addRefs;
  readonly #remove;
  readonly #page;
  readonly #putPage;
  readonly #digests;
  readonly #pages;
  readonly #removePages;
  readonly #countVerified;

  constructor(connection: Connection) {
    this.#get = connection.prepare<[number], StoredContent>(`SELECT ${columns} FROM content WHERE id = ?`);
    this.#all = connection.prepare<[], StoredContent>(`SELECT ${columns} FROM content ORDER BY id`);
    this.#withoutEntry = connection.prepare<[number, number], StoredContent>(
      `SELECT ${columns} FROM content WHERE refs = 0 AND id > ? ORDER BY id LIMIT ?`,
    );
    this.#anyFinishedWithoutEntry = connection
      .prepare<[], number>('SELECT 1 FROM content WHERE refs = 0 AND checksum IS NOT NULL LIMIT 1')
      .pluck();
    this.#unfinished = connection
      .prepare<[], number>('SELECT id FROM content WHERE refs = 0 AND checksum IS NULL ORDER BY id')
      .pluck();
    this.#insert = connection.prepare('INSERT INTO content_row (id, size, count, refs) VALUES (?, 0, 0, 0)');
    this.#extend = connection.prepare('UPDATE content_row SET size = size + ?, count = count + ? WHERE id = ?');
    this.#finish = connection.prepare('UPDATE content_row SET checksum = ? WHERE id = ?');
    this.#addRefs = connection.prepare('UPDATE content_row SET refs = refs + ? WHERE id = ?');
    this.#remove = connection.prepare('DELETE FROM content_row WHERE id = ?');
    this.#page = connection
      .prepare<[number, number], Buffer>('SELECT chunks FROM page WHERE content = ? AND number = ?')
      .pluck();
    this.#putPage = connection.prepare(
      'INSERT OR REPLACE INTO page_row (content, number, digest, chunks) VALUES (?, ?, ?, ?)',
    );
    this.#digests = connection
      .prepare<[number], Buffer>('SELECT digest FROM page WHERE content = ? ORDER BY number')
      .pluck();
    this.#pages = connection
      .prepare<[], [number, Buffer]>('SELECT content, chunks FROM page ORDER BY content, number')
      .raw();
    this.#countVerified = connection.prepare('SELECT count(*) FROM content');
    this.#removePages = connection.prepare('DELETE FROM page_row WHERE content = ?');
  }

  get(id: ContentId): StoredContent | undefined {
    return this.#get.get(id);
  }

  /** CORRUPT when any row is damaged: one that is sought and not found may be there under another id. Reads all. */
  verify(): void {
    this.#countVerified.get();
  }

  all(): IterableIterator<StoredContent> {
    return this.#all.iterate();
  }

  /** Contents that no entry holds, unfinished ones included, by id. */
  withoutEntry(after: ContentId, limit: number): StoredContent[] {
    return this.#withoutEntry.all(after, limit);
  }

  hasFinishedWithoutEntry(): boolean {
    return this.#anyFinishedWithoutEntry.get() !== undefined;
  }

  /** Contents still being recorded: running uploads, and those that a crash ended. */
  unfinished(): ContentId[] {
    return this.#unfinished.all();
  }

  insert(id: ContentId): void {
    this.#insert.run(id);
  }

  /** Adds chunks to the end of a content being recorded, which has `count` now. */
  append(id: ContentId, count: number, chunks: readonly ChunkReference[]): void {
    let at = 0;
    let position = count;
    while (at < chunks.length) {
      const within = position % chunksPerPage;
      const taken = Math.min(chunksPerPage - within, chunks.length - at);
      const number = (position - within) / chunksPerPage;
      const added = encodePage(chunks.slice(at, at + taken));
      const bytes = within === 0 ? added : Buffer.concat([this.page(id, number) ?? Buffer.alloc(0), added]);
      this.#putPage.run(id, number, pageDigest(bytes), bytes);
      at += taken;
      position += taken;
    }
    const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk[1], 0);
    this.#extend.run(sizeBytes, chunks.length, id);
  }

  /** What the checksum should be by the pages' digests. */
  computedChecksum(content: StoredContent): string {
    const pages = this.digests(content.id);
    return checksumOfPages({ sizeBytes: content.sizeBytes, count: content.chunkCount, pages }).toString('hex');
  }

  finish(id: ContentId, checksum: string): void {
    this.#finish.run(checksum, id);
  }

  addRefs(id: ContentId, count: number): void {
    this.#addRefs.run(count, id);
  }

  remove(id: ContentId): void {
    this.#removePages.run(id);
    this.#remove.run(id);
  }

  page(id: ContentId, number: number): Buffer | undefined {
    return this.#page.get(id, number);
  }

  digests(id: ContentId): Buffer[] {
    return this.#digests.all(id);
  }

  /** The chunk list, page by page. */
  *pagesOf(content: StoredContent): Generator<ChunkReference[]> {
    for (let number = 0; number * chunksPerPage < content.chunkCount; number += 1) {
      yield decodePage(this.page(content.id, number) ?? Buffer.alloc(0));
    }
  }

  /** Every page of every content. */
  pages(): IterableIterator<[content: ContentId, chunks: Buffer]> {
    return this.#pages.iterate();
  }
}
