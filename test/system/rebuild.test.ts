/** The index and all of the volume's directory are gone; the nodes give everything back, each of them absent in turn. */
import assert from 'node:assert/strict';
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DavClient } from './tools/dav-client.js';
import { DriveServer, driveStatus, holdfast, mustBeSound, waitUntilWhole } from './tools/drive-server.js';
import { planTree, type TreeFile } from './tools/real-tree.js';
import { GiB, MiB, missing } from './tools/requirements.js';
import { contentOf } from './tools/seeded.js';
import { TestVolume } from './tools/test-volume.js';
import { snapshotTree } from './tools/tree-snapshot.js';
import { Workspace } from './tools/workspace.js';

const skip = missing({ freeBytes: 2 * GiB });

test('rebuild gives back the tree without the index and without any one node', {
  skip,
  timeout: 900_000,
}, async (context) => {
  const workspace = await Workspace.create(context);
  const volume = await TestVolume.inFolders(workspace);
  const expected = await makeHistory(volume);
  const saved = await workspace.folder('saved');
  for (const [index, path] of volume.nodePaths.entries()) await rename(path, join(saved, `${index}`));

  for (const absent of [undefined, 0, 1, 2]) {
    await rm(volume.directory, { recursive: true, force: true });
    for (const path of volume.nodePaths) await rm(path, { recursive: true, force: true });
    const present = [...volume.nodePaths.entries()].filter(([index]) => index !== absent);
    for (const [index, path] of present) await cp(join(saved, `${index}`), path, { recursive: true });
    const nodes = present.flatMap(([, path]) => ['--node', path]);
    const rebuilt = await holdfast('rebuild', volume.directory, ...nodes);
    assert.equal(rebuilt.code, absent === undefined ? 0 : 4, rebuilt.stdout + rebuilt.stderr);

    const server = await DriveServer.start(workspace, { directory: volume.directory });
    assertSameTree(await snapshotTree(server.url), expected);
    await mustStillWork(server.url);
    if (absent !== undefined) {
      // The disk that was away during the rebuild comes back as it was.
      await cp(join(saved, `${absent}`), volume.nodePaths[absent]!, { recursive: true });
      await waitUntilWhole(volume.directory);
    }
    await mustBeSound(volume.directory);
    await server.stop();
  }
});

/** Changes before a checkpoint and after it, then a kill; returns what clients saw last. */
async function makeHistory(volume: TestVolume): Promise<Map<string, string>> {
  const files = planTree(2, { files: 400, totalBytes: 48 * MiB });
  const first = await volume.serve();
  await upload(first.url, files);
  await first.stop();

  const second = await volume.serve();
  const { checkpoint, sequence } = await driveStatus(volume.directory);
  assert.ok(checkpoint !== null && checkpoint.sequence > 0, 'no checkpoint was made by the clean stop');
  const [touched, dated] = files.filter(({ path }) => path.startsWith('wide/')).slice(-2);
  const dav = new DavClient(second.url);
  for (const file of files.slice(0, 40))
    await dav.must('PUT', file.path, { body: contentOf(`${file.path} again`, 30_000) });
  for (const file of files.slice(40, 80)) await dav.must('DELETE', file.path);
  await dav.must('MOVE', 'photos/', { headers: { Destination: dav.hrefOf('pictures of everything/') } });
  await dav.must('PROPPATCH', touched!.path, { body: proppatch });
  await dav.must('PROPPATCH', 'wide/', { body: proppatch });
  await dav.must('PUT', dated!.path, { body: contentOf('dated', 100), headers: { 'X-OC-Mtime': '1234567890' } });
  dav.close();
  const expected = await snapshotTree(second.url);
  assert.ok(expected.get('wide/')?.includes('kept in the journal'), 'the property is not in allprop');
  const after = await driveStatus(volume.directory);
  assert.ok(after.sequence > sequence);
  assert.equal(after.checkpoint?.sequence, checkpoint.sequence, 'a checkpoint was made meanwhile: nothing is shown');
  await second.kill();
  return expected;
}

const proppatch = Buffer.from(
  '<propertyupdate xmlns="DAV:"><set><prop><note xmlns="urn:example">kept in the journal</note></prop></set></propertyupdate>',
);

async function upload(url: string, files: readonly TreeFile[]): Promise<void> {
  const dav = new DavClient(url);
  const folders = new Set(files.flatMap(({ path }) => ancestors(path)));
  for (const folder of [...folders].sort()) await dav.must('MKCOL', `${folder}/`);
  for (const { path, sizeBytes } of files) await dav.must('PUT', path, { body: contentOf(path, sizeBytes) });
  dav.close();
}

function ancestors(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}

async function mustStillWork(url: string): Promise<void> {
  const dav = new DavClient(url);
  const bytes = contentOf('after the rebuild', 3 * MiB);
  await dav.must('PUT', 'after the rebuild.bin', { body: bytes });
  assert.ok((await dav.get('after the rebuild.bin'))?.equals(bytes));
  dav.close();
}

function assertSameTree(found: Map<string, string>, expected: Map<string, string>): void {
  assert.deepEqual([...found.keys()], [...expected.keys()]);
  // One by one: a difference names its path instead of printing two whole trees.
  for (const [path, description] of expected) assert.equal(found.get(path), description, path);
}
