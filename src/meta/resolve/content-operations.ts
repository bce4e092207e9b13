/** Operations that record a finished upload. */
import type { ContentId, Operation } from '../operations.js';
import type { StagedContent } from '../requests.js';
import { chunksPerOperation } from './limits.js';
import type { ResolveContext } from './resolve-context.js';

export function contentOperations(
  staged: StagedContent,
  context: ResolveContext,
): { readonly id: ContentId; readonly operations: Operation[] } {
  const id = staged.content ?? context.nextContent();
  const operations: Operation[] = [];
  for (let at = 0; at < staged.chunks.length; at += chunksPerOperation) {
    const chunks = staged.chunks.slice(at, at + chunksPerOperation);
    operations.push({ o: 'chunks', content: id, first: staged.recorded + at, chunks });
  }
  const count = staged.recorded + staged.chunks.length;
  operations.push({ o: 'content', id, size: staged.sizeBytes, count, checksum: staged.checksum });
  return { id, operations };
}
