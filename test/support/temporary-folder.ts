import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a test or a suite's context offers for cleaning up. */
export interface CleanUp {
  after(action: () => Promise<void>): void;
}

/** An empty folder of its own, without links in its path; removed after the test. */
export async function temporaryFolder(context: CleanUp): Promise<string> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-test-')));
  context.after(() => rm(path, { recursive: true, force: true, maxRetries: 3 }));
  return path;
}
