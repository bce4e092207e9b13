/** Which node a person means. */
import { resolve } from 'node:path';
import { DriveError } from '../../core/errors.js';
import type { NodeRow } from '../../meta/rows.js';

const shortestIdPrefix = 4;

/** By label, the beginning of the id, or path. USAGE, with the names to choose from, unless it is exactly one. */
export function nodeCalled<N extends Pick<NodeRow, 'id' | 'label' | 'path'>>(
  wanted: string,
  candidates: readonly N[],
): N {
  const matches = candidates.filter(
    ({ id, label, path }) =>
      label === wanted || path === resolve(wanted) || (wanted.length >= shortestIdPrefix && id.startsWith(wanted)),
  );
  if (matches.length === 1) return matches[0]!;
  throw new DriveError('USAGE', {
    message: matches.length === 0 ? `no node is called ${wanted}` : `${wanted} means more than one node`,
    hint:
      matches.length === 0
        ? `use one of: ${candidates.map(({ label }) => label).join(', ')}`
        : `use its id: ${matches.map(({ id, path }) => `${id} (at ${path})`).join(', ')}`,
  });
}
