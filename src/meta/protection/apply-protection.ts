/** Operations on the number of copies that folders and segments want. */
import { type ApplyContext, mismatch } from '../apply/apply-context.js';
import type { Operation } from '../operations.js';

type Of<K extends Operation['o']> = Extract<Operation, { o: K }>;

export function applyProtect({ entry, replicas }: Of<'protect'>, { tables, sequence }: ApplyContext): void {
  const isKnown = tables.entries.byId(entry) ?? tables.past.of(entry, Number.MAX_SAFE_INTEGER)[0];
  if (isKnown === undefined) throw mismatch(`entry ${entry} has a setting and does not exist`);
  if (replicas === null) tables.protection.remove(entry);
  else tables.protection.put(entry, replicas);
  tables.needs.roseAnywhere(sequence);
}

/** A segment that the index does not know holds nothing that anything refers to. */
export function applyWant({ segment, replicas }: Of<'want'>, { tables }: ApplyContext): void {
  const known = tables.segments.get(segment);
  if (known !== undefined) tables.segments.setWanted(known, replicas);
}
