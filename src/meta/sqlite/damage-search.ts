/**
 * Which files hold chunks that are lost, and which parts of them. Reads every chunk list: for damage reports only, and
 * where a volume is served, in a thread (index-jobs.ts).
 */

import { referenceBytes } from '../content-checksum.js';
import type { ChunkId, ContentId, NodeId, SegmentId } from '../operations.js';
import type { Tables } from '../tables/tables.js';
import { openTables } from '../tables/tables.js';
import type { Connection } from './connection.js';
import { guardRows } from './row-sums.js';

/** What is looked for in files. */
export interface PartsQuery {
  /** All chunks that lie in them; `sources`: nodes from which they could be read if these were here. */
  readonly segments: readonly { readonly id: SegmentId; readonly sources: readonly NodeId[] }[];
  /** Chunks of these segments that are not meant. */
  readonly except: readonly ChunkId[];
  /** Chunks that are meant wherever they lie. */
  readonly chunks: readonly ChunkId[];
  /** Chunks whose place is not known too. */
  readonly withoutPlace: boolean;
  /** Files that are named; all are counted. */
  readonly limit: number;
}

export interface FilePart {
  /** Bytes of the file, `end` not included. */
  readonly start: number;
  readonly end: number;
  /** null: its place is not known. */
  readonly segment: SegmentId | null;
}

export interface FoundFiles {
  readonly count: number;
  /** Of all parts together. */
  readonly bytes: number;
  /** By path. */
  readonly files: readonly {
    readonly path: string[];
    readonly sizeBytes: number;
    readonly parts: readonly FilePart[];
  }[];
  /** Files whose parts have the same choices of sources, one choice for each part that differs; 'unknown': no place. */
  readonly groups: readonly { readonly sources: readonly (readonly NodeId[] | 'unknown')[]; readonly count: number }[];
}

/** Paths of living files with any of the chunks. */
export function filesHolding(tables: Tables, chunks: ReadonlySet<string>, limit: number): string[][] {
  const contents = contentsWithAny(tables, chunks);
  const paths: string[][] = [];
  for (const { id, content } of tables.entries.all()) {
    if (paths.length >= limit) break;
    const path = content !== null && contents.has(content) ? tables.entries.pathOf(id) : undefined;
    if (path !== undefined) paths.push(path);
  }
  return paths;
}

function contentsWithAny(tables: Tables, chunks: ReadonlySet<string>): Set<ContentId> {
  const found = new Set<ContentId>();
  for (const [content, page] of tables.contents.pages()) {
    for (let at = 0; at < page.length && !found.has(content); at += referenceBytes) {
      if (chunks.has(page.toString('hex', at, at + 32))) found.add(content);
    }
  }
  return found;
}

/** Living files with such parts. */
export function findParts(connection: Connection, query: PartsQuery): FoundFiles {
  guardRows(connection, 'reads');
  connection.exec('BEGIN'); // One state for all questions.
  const tables = openTables(connection);
  const search = new PartSearch(tables, query);
  const parts = search.partsOfContents();
  const files: { path: string[]; sizeBytes: number; parts: FilePart[] }[] = [];
  const groups = new Map<string, number>();
  let count = 0;
  let bytes = 0;
  for (const { id, content, sizeBytes } of tables.entries.all()) {
    const found = content === null ? undefined : parts.get(content);
    const path = found && tables.entries.pathOf(id);
    if (!found || !path) continue;
    count += 1;
    bytes += found.reduce((sum, { start, end }) => sum + end - start, 0);
    if (files.length < query.limit) files.push({ path, sizeBytes, parts: found });
    const group = search.groupOf(found);
    groups.set(group, (groups.get(group) ?? 0) + 1);
  }
  files.sort((a, b) => (a.path.join('/') < b.path.join('/') ? -1 : 1));
  return {
    count,
    bytes,
    files,
    groups: [...groups].map(([sources, times]) => ({ sources: JSON.parse(sources), count: times })),
  };
}

class PartSearch {
  readonly #tables: Tables;
  readonly #query: PartsQuery;
  readonly #segments = new Map<number, SegmentId>();
  readonly #sources = new Map<SegmentId, string>();
  readonly #chunks: ReadonlySet<ChunkId>;
  readonly #except: ReadonlySet<ChunkId>;

  constructor(tables: Tables, query: PartsQuery) {
    this.#tables = tables;
    this.#query = query;
    this.#chunks = new Set(query.chunks);
    this.#except = new Set(query.except);
    for (const { id, sources } of query.segments) {
      const number = tables.segments.get(id)?.number;
      if (number !== undefined) this.#segments.set(number, id);
      this.#sources.set(id, JSON.stringify([...sources].sort()));
    }
  }

  partsOfContents(): Map<ContentId, FilePart[]> {
    const found = new Map<ContentId, FilePart[]>();
    let current: ContentId | undefined;
    let start = 0;
    for (const [content, page] of this.#tables.contents.pages()) {
      if (content !== current) start = 0;
      current = content;
      for (let at = 0; at + referenceBytes <= page.length; at += referenceBytes) {
        const end = start + page.readUInt32LE(at + 32);
        const segment = this.#segmentIfMeant(page.toString('hex', at, at + 32));
        if (segment !== undefined) addPart(found, content, { start, end, segment });
        start = end;
      }
    }
    return found;
  }

  groupOf(parts: readonly FilePart[]): string {
    const choices = parts.map(({ segment }) => (segment === null ? '"unknown"' : (this.#sources.get(segment) ?? '[]')));
    return `[${[...new Set(choices)].sort().join()}]`;
  }

  /** undefined when the chunk is not looked for. */
  #segmentIfMeant(chunk: ChunkId): SegmentId | null | undefined {
    const isNamed = this.#chunks.has(chunk);
    if (!isNamed && this.#segments.size === 0 && !this.#query.withoutPlace) return undefined;
    const number = this.#tables.chunks.get(chunk)?.segment ?? null;
    if (number === null) return isNamed || this.#query.withoutPlace ? null : undefined;
    if (isNamed) return this.#segments.get(number) ?? this.#tables.segments.byNumber(number)?.id ?? null;
    return this.#except.has(chunk) ? undefined : this.#segments.get(number);
  }
}

function addPart(found: Map<ContentId, FilePart[]>, content: ContentId, part: FilePart): void {
  const parts = found.get(content) ?? [];
  found.set(content, parts);
  const last = parts.at(-1);
  if (last?.end === part.start && last.segment === part.segment) parts[parts.length - 1] = { ...last, end: part.end };
  else parts.push(part);
}
