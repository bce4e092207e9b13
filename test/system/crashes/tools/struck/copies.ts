/** Compares the copies of all sealed segments byte by byte with their seals, on a volume that is closed. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SegmentRow } from '../../../../../src/meta/rows.js';
import { openMetaStore } from '../../../../../src/meta/sqlite-meta-store.js';
import { copiesOf } from './node-files.js';

const mostSegments = 10_000;

/** One sentence for each segment with fewer whole copies than wanted, or whose copies differ. */
export async function compareCopies(directory: string, wanted: number): Promise<string[]> {
  const meta = await openMetaStore({ file: join(directory, 'index.db') });
  try {
    const paths = new Map(meta.reader.nodes().map(({ id, path }) => [id, path]));
    const sealed = meta.reader.segments('', mostSegments).filter(({ state }) => state === 'sealed');
    const living = sealed.filter(({ liveBytes }) => liveBytes > 0);
    return living.flatMap((segment) => judge(segment, paths, wanted));
  } finally {
    await meta.close();
  }
}

/** Files on nodes that the index does not name are superseded, and wait for the attic. */
function judge(
  { id, lengthBytes, hash, replicas }: SegmentRow,
  paths: ReadonlyMap<string, string>,
  wanted: number,
): string[] {
  const files = copiesOf(
    replicas.map(({ node }) => paths.get(node)!),
    `${id}.seg`,
  );
  const contents = files.map(({ path }) => readFileSync(path).subarray(0, lengthBytes));
  const whole = contents.filter(({ length }) => length === lengthBytes);
  const digests = new Set(whole.map((content) => createHash('sha256').update(content).digest('hex')));
  if (hash !== null) digests.add(hash);
  const problems: string[] = [];
  if (whole.length < wanted) problems.push(`${id} has ${whole.length} whole copies`);
  if (digests.size > 1) problems.push(`the copies of ${id} differ within its seal`);
  return problems;
}
