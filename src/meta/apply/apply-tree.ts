/** Operations on entries, their times, properties and DAV locks. */
import type { EntryId, Operation } from '../operations.js';
import type { EntryRow } from '../rows.js';
import type { StoredContent } from '../tables/content-table.js';
import type { Tables } from '../tables/tables.js';
import { type ApplyContext, livingEntry, mismatch } from './apply-context.js';

type Of<K extends Operation['o']> = Extract<Operation, { o: K }>;

/** The first digits of the content's checksum are the strong ETag. */
export const etagDigits = 32;

export function applyEntry(operation: Of<'entry'>, { tables, sequence }: ApplyContext): void {
  const { id, parent, name, kind, content, created, modified } = operation;
  const { totals } = tables.counters;
  totals.highestEntry = Math.max(totals.highestEntry, id);
  const held = heldContent(tables, operation);
  if (held !== undefined) tables.contents.addRefs(held.id, 1, held);
  // A copy shares the content of a file that may lie under another setting.
  if (held !== undefined && held.refs > 0) tables.needs.roseAnywhere(sequence);
  const born = operation.born ?? sequence;
  if (operation.died !== undefined) {
    tables.past.insert({ id, parent, name, kind, content, created, modified, born, died: operation.died });
    return;
  }
  const sizeBytes = held?.sizeBytes ?? 0;
  const etag = held?.checksum.slice(0, etagDigits) ?? '';
  const row = { id, parent, name, kind, content, sizeBytes, etag, created, modified, born, hasProperties: false };
  tables.entries.insert(row);
  count(tables, row, 1);
  // In a checkpoint (`born` is set) the parent's time comes with the parent's own row.
  if (operation.born === undefined) tables.entries.touch(parent, operation.time);
}

export function applyReplace(operation: Of<'replace'>, { tables, sequence }: ApplyContext): void {
  const { id, content, modified } = operation;
  const before = livingEntry(tables, id);
  if (before.kind === 'folder') throw mismatch(`entry ${id} is a folder and holds no content`);
  const next = finishedContent(tables, content);
  const { sizeBytes, checksum } = next;
  tables.past.insert({ ...before, died: sequence });
  tables.contents.addRefs(content, 1, next);
  const etag = checksum.slice(0, etagDigits);
  tables.entries.setContent(id, { content, sizeBytes, etag, modified, born: sequence });
  tables.counters.totals.logicalBytes += sizeBytes - before.sizeBytes;
}

export function applyTimes(operation: Of<'times'>, { tables }: ApplyContext): void {
  tables.entries.setTimes(operation.id, operation);
}

export function applyMove(operation: Of<'move'>, { tables, sequence }: ApplyContext): void {
  const { id, parent, name, time } = operation;
  const before = livingEntry(tables, id);
  const isElsewhere = tables.protection.nearest(before.parent) !== tables.protection.nearest(parent);
  if (isElsewhere) tables.needs.roseAnywhere(sequence);
  tables.entries.move(id, parent, name);
  tables.entries.touch(before.parent, time);
  if (parent !== before.parent) tables.entries.touch(parent, time);
}

export function applyEnd(operation: Of<'end'>, { tables, sequence }: ApplyContext): void {
  const row = livingEntry(tables, operation.id);
  tables.past.insert({ ...row, died: sequence });
  tables.entries.remove(row.id);
  count(tables, row, -1);
  tables.entries.touch(row.parent, operation.time);
}

export function applyProperty(operation: Of<'property'>, { tables }: ApplyContext): void {
  const { entry, namespace, name, value } = operation;
  if (value === null) {
    tables.properties.remove(entry, { namespace, name });
    if (tables.properties.has(entry)) return;
  } else {
    tables.properties.put(entry, { namespace, name, value });
  }
  tables.entries.setHasProperties(entry, value !== null);
}

export function applyLock(operation: Of<'lock'>, { tables }: ApplyContext): void {
  const { token, entry, scope, depth, owner, principal, timeout, expires } = operation;
  tables.locks.put({ token, entry, scope, depth, owner, principal, timeoutMs: timeout, expires });
}

export function applyUnlock(operation: Of<'unlock'>, { tables }: ApplyContext): void {
  tables.locks.end(operation.token);
}

/** Ended rows go, and with the last of an entry its properties and its setting. */
export function pruneEntry(id: EntryId, before: number, tables: Tables): void {
  for (const row of tables.past.of(id, before)) if (row.content !== null) tables.contents.addRefs(row.content, -1);
  tables.past.removeOf(id, before);
  const isGone = tables.entries.byId(id) === undefined && tables.past.of(id, Number.MAX_SAFE_INTEGER).length === 0;
  if (!isGone) return;
  tables.properties.removeOf(id);
  tables.protection.remove(id);
}

function heldContent(
  tables: Tables,
  { id, kind, content }: Of<'entry'>,
): ReturnType<typeof finishedContent> | undefined {
  if ((kind === 'file') !== (content !== null)) throw mismatch(`entry ${id}: files have a content, folders have none`);
  return content === null ? undefined : finishedContent(tables, content);
}

function finishedContent(tables: Tables, id: number): StoredContent & { readonly checksum: string } {
  const content = tables.contents.get(id);
  if (content === undefined || content.checksum === null) throw mismatch(`content ${id} is not finished`);
  return content as StoredContent & { readonly checksum: string };
}

function count(tables: Tables, row: EntryRow, change: 1 | -1): void {
  const { totals } = tables.counters;
  if (row.kind === 'folder') totals.folders += change;
  else totals.files += change;
  totals.logicalBytes += change * row.sizeBytes;
}
