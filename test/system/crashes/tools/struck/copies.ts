/** Compares the copies of all sealed segments byte by byte with their seals, on a volume that is closed. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SegmentRow } from '../../../../../src/meta/rows.js';
import { openMetaStore } from '../../../../../src/meta/sqlite-meta-store.js';
import { filesIn } from './workloads.js';

const mostSegments = 10_000;

/** One sentence for each segment with fewer whole copies than wanted, or whose copies differ. */
export async function compareCopies(
  directory: string,
  nodePaths: readonly string[],
  wanted: number,
): Promise<string[]> {
  const meta = await openMetaStore({ file: join(directory, 'index.db') });
  try {
    const living = meta.reader.segments('', mostSegments).filter(({ liveBytes }) => liveBytes > 0);
    return living.flatMap((segment) => judge(segment, nodePaths, wanted));
  } finally {
    await meta.close();
  }
}

function judge({ id, state, lengthBytes, hash }: SegmentRow, nodePaths: readonly string[], wanted: number): string[] {
  if (state !== 'sealed') return [];
  const files = nodePaths.flatMap((node) => filesIn(node, 'segments')).filter(({ name }) => name === `${id}.seg`);
  const contents = files.map(({ path }) => readFileSync(path).subarray(0, lengthBytes));
  const whole = contents.filter(({ length }) => length === lengthBytes);
  const digests = new Set(whole.map((content) => createHash('sha256').update(content).digest('hex')));
  if (hash !== null) digests.add(hash);
  const problems: string[] = [];
  if (whole.length < wanted) problems.push(`${id} has ${whole.length} whole copies`);
  if (digests.size > 1) problems.push(`the copies of ${id} differ within its seal`);
  return problems;
}
