/** Whether the crash states would show a mistake: disks and a drive that do not keep what they promise must be found. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { FileIo } from '../../../src/core/file-io.js';
import { systemFileIo } from '../../../src/core/system-file-io.js';
import type { DriveContext } from '../../../src/drive/drive-context.js';
import { runSeed } from '../tools/seeded.js';
import type { Cut } from './tools/crash-images.js';
import { checkStates } from './tools/crash-states.js';
import { laneOptions, memoryWorkspace } from './tools/lane.js';
import { record } from './tools/recording.js';

const seed = runSeed();

test('disks that forget what they flushed are found', laneOptions, async (context) => {
  await mustFind(context, {}, ['lying']);
});

for (const folder of ['segments', 'journal']) {
  test(`a drive that does not fsync its ${folder} is found`, laneOptions, async (context) => {
    await mustFind(context, { fileIo: withoutSync(systemFileIo, folder) }, ['mixed', 'all-lost']);
  });
}

async function mustFind(context: TestContext, mistake: Partial<DriveContext>, cuts: readonly Cut[]): Promise<void> {
  const workspace = await memoryWorkspace(context);
  const recording = await record(workspace, {
    seed,
    fileSystems: ['ext4', 'ext4', 'xfs', 'ext4'],
    // So long that a disk that goes back by its last flushes has a volume on it, and not all of what was promised.
    changesPerClient: 45,
    isEventful: false,
    context: mistake,
  });
  const isEnough = (found: readonly string[]) => found.some((finding) => finding.startsWith('client '));
  const { states, failures } = await checkStates(await workspace.folder('bench'), recording, {
    count: 90,
    cuts,
    isEnough,
  });
  const findings = failures.flatMap((failure) => failure.findings);
  context.diagnostic(`found in state ${states}: ${findings.slice(0, 3).join('; ').slice(0, 300)}`);
  // Not only that a file system broke.
  assert.ok(isEnough(findings), `no broken promise was found in ${states} states, HOLDFAST_SEED=${seed}`);
}

/** Files in the nodes' folders of this name are never synced. */
function withoutSync(io: FileIo, folder: string): FileIo {
  return replaced(io, 'open', async (path, mode) => {
    const file = await io.open(path, mode);
    return path.includes(`/${folder}/`) ? replaced(file, 'sync', async () => undefined) : file;
  });
}

/** The same object but for one method. */
function replaced<T extends object, K extends keyof T>(object: T, method: K, instead: T[K]): T {
  return new Proxy(object, {
    get: (target, key) => {
      if (key === method) return instead;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
