/**
 * Contents and the pages of their chunk lists. A content without a checksum is still being recorded (a running upload).
 * `refs` counts the entries, living and ended, that hold it. Content ids start at 1.
 */
import { checksumOfPages, chunksPerPage, decodePage, encodePage, pageDigest } from '../content-checksum.js';
import type { ChunkReference, ContentId } from '../operations.js';
import type { Connection } from '../sqlite/connection.js';
import { RowInsert } from '../sqlite/row-insert.js';

export interface StoredContent {
  readonly id: ContentId;
  readonly sizeBytes: number;
  readonly chunkCount: number;
  /** null while the content is being recorded. */
  readonly checksum: string | null;
  readonly refs: number;
}

/** A row that is newer than the one in the table. */
interface HeldContent extends StoredContent {
  readonly isNew: boolean;
  /** Of all its pages; undefined when they were not all added since it is held. */
  readonly digests: Buffer[] | undefined;
}

/** Rows held back at most: enough for the small files of a batch. */
const heldLimit = 1_000;
const columns = 'id, size AS sizeBytes, count AS chunkCount, checksum, refs';

export class ContentTable {
  readonly #get;
  readonly #all;
  readonly #withoutEntry;
  readonly #anyFinishedWithoutEntry;
  readonly #unfinished;
  readonly #insert;
  readonly #update;
  readonly #remove;
  readonly #page;
  readonly #putPage;
  readonly #digests;
  readonly #pages;
  readonly #removePages;
  readonly #countVerified;
  /** A small file is begun, filled, finished and referred to in one batch; its row is written once. */
  readonly #held = new Map<ContentId, HeldContent>();

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
    this.#insert = new RowInsert(connection, 'content');
    this.#update = connection.prepare(
      'UPDATE content_row SET size = ?, count = ?, checksum = ?, refs = ? WHERE id = ?',
    );
    this.#remove = connection.prepare('DELETE FROM content_row WHERE id = ?');
    this.#page = connection
      .prepare<[number, number], Buffer>('SELECT chunks FROM page WHERE content = ? AND number = ?')
      .pluck();
    this.#putPage = new RowInsert(connection, 'page', { or: 'OR REPLACE' });
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
    return this.#held.get(id) ?? this.#get.get(id);
  }

  /** CORRUPT when any row is damaged: one that is sought and not found may be there under another id. Reads all. */
  verify(): void {
    this.#countVerified.get();
  }

  all(): IterableIterator<StoredContent> {
    this.settle();
    return this.#all.iterate();
  }

  /** Contents that no entry holds, unfinished ones included, by id. */
  withoutEntry(after: ContentId, limit: number): StoredContent[] {
    this.settle();
    return this.#withoutEntry.all(after, limit);
  }

  hasFinishedWithoutEntry(): boolean {
    this.settle();
    return this.#anyFinishedWithoutEntry.get() !== undefined;
  }

  /** Contents still being recorded: running uploads, and those that a crash ended. */
  unfinished(): ContentId[] {
    this.settle();
    return this.#unfinished.all();
  }

  insert(id: ContentId): void {
    this.#hold({ id, sizeBytes: 0, chunkCount: 0, checksum: null, refs: 0, isNew: true, digests: [] });
  }

  /** Adds chunks to the end of a content being recorded, which has `count` now. */
  append(id: ContentId, count: number, chunks: readonly ChunkReference[]): void {
    const added: Buffer[] = [];
    let at = 0;
    let position = count;
    while (at < chunks.length) {
      const within = position % chunksPerPage;
      const taken = Math.min(chunksPerPage - within, chunks.length - at);
      const number = (position - within) / chunksPerPage;
      const page = encodePage(chunks.slice(at, at + taken));
      const bytes = within === 0 ? page : Buffer.concat([this.page(id, number) ?? Buffer.alloc(0), page]);
      const digest = pageDigest(bytes);
      this.#putPage.run(id, number, digest, bytes);
      added.push(digest);
      at += taken;
      position += taken;
    }
    const content = this.#heldOrStored(id);
    if (content === undefined) return;
    const { sizeBytes, chunkCount, digests } = content;
    const addedBytes = chunks.reduce((sum, chunk) => sum + chunk[1], 0);
    this.#hold({
      ...content,
      sizeBytes: sizeBytes + addedBytes,
      chunkCount: chunkCount + chunks.length,
      digests: digests && [...digests.slice(0, Math.floor(count / chunksPerPage)), ...added],
    });
  }

  /** What the checksum should be by the pages' digests. */
  computedChecksum(content: StoredContent): string {
    const pages = this.#held.get(content.id)?.digests ?? this.digests(content.id);
    return checksumOfPages({ sizeBytes: content.sizeBytes, count: content.chunkCount, pages }).toString('hex');
  }

  finish(id: ContentId, checksum: string): void {
    const content = this.#heldOrStored(id);
    if (content !== undefined) this.#hold({ ...content, checksum });
  }

  /** `stored`: as `get` gave it just now, if it was asked. */
  addRefs(id: ContentId, count: number, stored = this.get(id)): void {
    const content = this.#held.get(id) ?? (stored && { ...stored, isNew: false, digests: undefined });
    if (content !== undefined) this.#hold({ ...content, refs: content.refs + count });
  }

  remove(id: ContentId): void {
    this.#held.delete(id);
    this.#removePages.run(id);
    this.#remove.run(id);
  }

  /** Writes the rows that are held back: before anything else reads the table. */
  settle(): void {
    for (const { id, sizeBytes, chunkCount, checksum, refs, isNew } of this.#held.values()) {
      if (isNew) this.#insert.run(id, sizeBytes, chunkCount, checksum, refs);
      else this.#update.run(sizeBytes, chunkCount, checksum, refs, id);
    }
    this.#held.clear();
  }

  /** After a rollback. */
  forgetHeld(): void {
    this.#held.clear();
  }

  #heldOrStored(id: ContentId): HeldContent | undefined {
    const held = this.#held.get(id);
    if (held !== undefined) return held;
    const stored = this.#get.get(id);
    return stored && { ...stored, isNew: false, digests: undefined };
  }

  #hold(content: HeldContent): void {
    this.#held.set(content.id, content);
    if (this.#held.size > heldLimit) this.settle();
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
