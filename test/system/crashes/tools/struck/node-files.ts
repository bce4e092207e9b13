/** What lies in the folders of a node, looked at without the program's help. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface NodeFile {
  readonly path: string;
  readonly name: string;
}

/** Files in `segments`, `journal`, `attic`, ... of the node at this path. */
export function filesIn(nodePath: string, folder: string): NodeFile[] {
  const own = readdirSync(nodePath).find((name) => name.startsWith('holdfast-') && !name.endsWith('.json'));
  if (own === undefined) return [];
  const inside = join(nodePath, own, folder);
  return readdirSync(inside).map((name) => ({ path: join(inside, name), name }));
}

/** Of all copies of segments. */
export const segmentBytes = (nodePaths: readonly string[]): number =>
  nodePaths
    .flatMap((node) => filesIn(node, 'segments'))
    .reduce((sum, { path }) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);

/** One of the copies of the segment that was begun last. */
export function newestSegment(nodePaths: readonly string[]): NodeFile {
  const found = nodePaths.flatMap((node) => filesIn(node, 'segments'));
  const newest = found.filter(({ name }) => name.endsWith('.seg')).sort((a, b) => (a.name < b.name ? 1 : -1))[0];
  if (!newest) throw new Error('no segment is there');
  return newest;
}

export const copiesOf = (nodePaths: readonly string[], name: string): NodeFile[] =>
  nodePaths.flatMap((node) => filesIn(node, 'segments')).filter((file) => file.name === name);

export const atticIsEmpty = (nodePaths: readonly string[]): boolean =>
  nodePaths.every((node) => filesIn(node, 'attic').length === 0);
