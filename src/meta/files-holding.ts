/** Files by the chunks that they hold, as paths for people. */
import type { MetaStore } from './meta-store.js';
import type { ChunkId } from './operations.js';

/** At most `limit` paths of living files that hold any of the chunks, and how many such files there are. */
export async function filesHolding(
  meta: Pick<MetaStore, 'findParts'>,
  chunks: ReadonlySet<ChunkId>,
  limit: number,
): Promise<{ readonly count: number; readonly paths: string[] }> {
  if (chunks.size === 0) return { count: 0, paths: [] };
  const query = { segments: [], except: [], chunks: [...chunks], withoutPlace: false, limit };
  const { count, files } = await meta.findParts(query);
  return { count, paths: files.map(({ path }) => `/${path.join('/')}`) };
}
