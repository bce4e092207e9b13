/** Which files a lost segment takes with it. Reads every chunk list: only for damage reports. */

import { referenceBytes } from '../content-checksum.js';
import type { ContentId, SegmentId } from '../operations.js';
import type { Tables } from '../tables/tables.js';

const chunksPerRead = 10_000;

/** Paths of living files with a chunk in the segment, none when a good replica of it is left. */
export function filesReferringTo(tables: Tables, id: SegmentId, limit: number): string[][] {
  const segment = tables.segments.get(id);
  if (segment === undefined) return [];
  if (tables.segments.replicas(segment.number).some((replica) => replica.state === 'good')) return [];
  return filesHolding(tables, chunksOf(tables, segment.number), limit);
}

/** Paths of living files with any of the chunks. */
export function filesHolding(tables: Tables, chunks: ReadonlySet<string>, limit: number): string[][] {
  const contents = contentsWithAny(tables, chunks);
  const paths: string[][] = [];
  for (const entry of entriesHolding(tables, contents)) {
    if (paths.length >= limit) break;
    const path = tables.entries.pathOf(entry);
    if (path !== undefined) paths.push(path);
  }
  return paths;
}

function chunksOf(tables: Tables, segment: number): Set<string> {
  const found = new Set<string>();
  let page = tables.chunks.living(segment, -1, chunksPerRead);
  while (page.length > 0) {
    for (const { chunk } of page) found.add(chunk);
    page = tables.chunks.living(segment, page.at(-1)!.offset, chunksPerRead);
  }
  return found;
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

function entriesHolding(tables: Tables, contents: ReadonlySet<ContentId>): number[] {
  const found: number[] = [];
  for (const { id, content } of tables.entries.all()) if (content !== null && contents.has(content)) found.push(id);
  return found;
}
