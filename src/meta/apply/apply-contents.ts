/** Operations on contents and their chunks. References to chunks count from the moment they are recorded. */
import type { ContentId, Operation } from '../operations.js';
import type { Tables } from '../tables/tables.js';
import { type ApplyContext, mismatch } from './apply-context.js';
import { pruneEntry } from './apply-tree.js';

type Of<K extends Operation['o']> = Extract<Operation, { o: K }>;

export function applyChunks(operation: Of<'chunks'>, context: ApplyContext): void {
  const { tables } = context;
  const { content: id, first, chunks } = operation;
  const content = contentInTheMaking(tables, id);
  if (content.chunkCount !== first) throw mismatch(`content ${id} has ${content.chunkCount} chunks, not ${first}`);
  tables.contents.append(id, first, chunks);
  for (const reference of chunks) {
    const chunk = tables.chunks.refer(reference);
    if (chunk.plainBytes !== reference[1]) throw mismatch(`chunk ${reference[0]} has ${chunk.plainBytes} bytes`);
    if (chunk.segment === null) context.newChunks.add(reference[0]);
    else {
      if (chunk.refs === 1) tables.segments.addLive(chunk.segment, chunk.recordBytes);
      tables.needs.rose(chunk.segment, context.sequence);
    }
  }
}

/** The checksum is tested against the recorded pages: a list that differs from what was uploaded is never named. */
export function applyContent(operation: Of<'content'>, { tables }: ApplyContext): void {
  const { id, size, count, checksum } = operation;
  const content = contentInTheMaking(tables, id);
  if (content.chunkCount !== count || content.sizeBytes !== size) {
    throw mismatch(`content ${id} has ${content.chunkCount} chunks and ${content.sizeBytes} bytes`);
  }
  if (tables.contents.computedChecksum(content) !== checksum) throw mismatch(`content ${id} has another checksum`);
  tables.contents.finish(id, checksum);
}

export function applyPrune(operation: Of<'prune'>, { tables }: ApplyContext): void {
  for (const id of operation.entries) pruneEntry(id, operation.before ?? Number.MAX_SAFE_INTEGER, tables);
  for (const id of operation.contents) pruneContent(id, tables);
}

function contentInTheMaking(tables: Tables, id: ContentId) {
  const { totals } = tables.counters;
  // What is made has the next id nearly always: nothing to look for.
  const known = id > totals.highestContent ? undefined : tables.contents.get(id);
  if (known === undefined) {
    totals.highestContent = Math.max(totals.highestContent, id);
    tables.contents.insert(id);
  } else if (known.checksum !== null) {
    throw mismatch(`content ${id} is finished already`);
  }
  return known ?? { id, sizeBytes: 0, chunkCount: 0, checksum: null, refs: 0 };
}

function pruneContent(id: ContentId, tables: Tables): void {
  const content = tables.contents.get(id);
  if (content === undefined) return; // An upload that failed before anything of it was recorded.
  if (content.refs !== 0) throw mismatch(`content ${id} is still referred to`);
  for (const page of tables.contents.pagesOf(content)) {
    for (const [chunkId] of page) {
      const chunk = tables.chunks.release(chunkId);
      if (chunk?.refs === 0 && chunk.segment !== null) tables.segments.addLive(chunk.segment, -chunk.recordBytes);
    }
  }
  tables.contents.remove(id);
}
