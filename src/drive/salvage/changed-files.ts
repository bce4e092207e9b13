/**
 * The files that one history changed beyond the fork and that the drive does not have at the same path. A file that is as
 * it was at the fork is not one of them: what the drive did to it since then counts.
 */
import type { MetaReader } from '../../meta/meta-store.js';
import type { EntryPath } from '../../meta/requests.js';
import type { EntryRow } from '../../meta/rows.js';

export interface ChangedFile {
  readonly path: EntryPath;
  readonly row: EntryRow;
}

type Version = Pick<EntryRow, 'kind' | 'sizeBytes' | 'etag'>;

const pageRows = 256;

/** `fork`: number of the last batch that is not beyond it. `living`: what the drive has at a path now. */
export async function* changedFiles(
  history: Pick<MetaReader, 'lookup' | 'list'>,
  { fork, living }: { readonly fork: number; readonly living: (path: EntryPath) => Promise<EntryRow | undefined> },
): AsyncGenerator<ChangedFile> {
  const root = history.lookup([]);
  const folders: ChangedFile[] = root ? [{ path: [], row: root }] : [];
  for (let folder = folders.pop(); folder; folder = folders.pop()) {
    for (let after: string | null = ''; after !== null; ) {
      const page: ReturnType<MetaReader['list']> = history.list(folder.row.id, after, pageRows);
      for (const row of page.rows) {
        const path = [...folder.path, row.name];
        if (row.kind === 'folder') folders.push({ path, row });
        else if (row.born > fork && !isSame(row, await living(path))) yield { path, row };
      }
      after = page.next;
      // Requests of clients come between two pages.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

/** Equal bytes: the strong ETag is made from the checksums of the chunks. */
export function isSame(one: Version, other: Version | undefined): boolean {
  return other?.kind === 'file' && one.sizeBytes === other.sizeBytes && one.etag === other.etag;
}
