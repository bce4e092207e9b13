/** Operations on the volume's settings, users, nodes, epochs and segments. */
import { type Operation, rootEntry, stagingEntry } from '../operations.js';
import type { ApplyContext } from './apply-context.js';

type Of<K extends Operation['o']> = Extract<Operation, { o: K }>;

/** The first one also makes the root folder. */
export function applyVolume(operation: Of<'volume'>, { tables }: ApplyContext): void {
  tables.nodes.setVolume(operation);
  if (tables.entries.root() !== undefined) return;
  tables.entries.insert({
    id: rootEntry,
    parent: stagingEntry,
    name: '',
    kind: 'folder',
    content: null,
    sizeBytes: 0,
    etag: '',
    created: operation.created,
    modified: operation.created,
    born: 0,
    hasProperties: false,
  });
}

export function applyUser({ name, rights, credentials }: Of<'user'>, { tables }: ApplyContext): void {
  if (credentials === null) tables.users.remove(name);
  else tables.users.put({ name, rights, credentials });
}

export function applyNode(operation: Of<'node'>, { tables }: ApplyContext): void {
  const isAway = operation.role === 'away';
  const wasAway = tables.nodes.isAway(operation.id);
  tables.nodes.putNode(operation);
  if (isAway !== wasAway) tables.segments.recountOn(operation.id);
}

export function applyEpoch(operation: Of<'epoch'>, { tables, sequence }: ApplyContext): void {
  tables.nodes.addEpoch(operation, operation.born ?? sequence);
}

export function applyIds(operation: Of<'ids'>, { tables }: ApplyContext): void {
  const { totals } = tables.counters;
  totals.highestEntry = Math.max(totals.highestEntry, operation.entry);
  totals.highestContent = Math.max(totals.highestContent, operation.content);
}

export function applyData(operation: Of<'data'>, { tables }: ApplyContext): void {
  for (const { id, nodes } of operation.segments) tables.segments.addData(tables.segments.ensure(id), nodes);
}

/** Segments that the index does not know hold nothing that anything refers to: nothing to seal or to move. */
export function applySeal(operation: Of<'seal'>, { tables }: ApplyContext): void {
  const segment = tables.segments.get(operation.segment);
  if (segment !== undefined) tables.segments.seal(segment, operation.length, operation.hash);
}

export function applyRelocate(operation: Of<'relocate'>, { tables }: ApplyContext): void {
  const segment = tables.segments.get(operation.segment);
  if (segment !== undefined) tables.segments.setNodes(segment, operation.nodes);
}

export function applyRetire(operation: Of<'retire'>, { tables }: ApplyContext): void {
  const segment = tables.segments.get(operation.segment);
  if (segment === undefined) return;
  tables.chunks.forgetSegment(segment.number);
  tables.segments.remove(segment);
}
