/** Disks that are full or take no writes, found at the start or while serving. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { mustRun, runCommand } from './tools/commands.js';
import { DavClient } from './tools/dav-client.js';
import { mustBeSound, nodeState, waitUntilWhole } from './tools/drive-server.js';
import { GiB, loopDiskTools, MiB, missing } from './tools/requirements.js';
import { contentOf } from './tools/seeded.js';
import { TestVolume } from './tools/test-volume.js';
import { waitUntil } from './tools/wait.js';
import { Workspace } from './tools/workspace.js';

const skip = missing({ tools: [...loopDiskTools, 'e2fsck'], root: true, freeBytes: 2 * GiB });
const options = { skip, timeout: 900_000 };
const fileBytes = 4 * MiB;

test('a full drive answers 507, still deletes, and then saves again', options, async (context) => {
  const { volume } = await openVolume(context);
  const server = await volume.serve();
  const dav = new DavClient(server.url);
  const saved: string[] = [];
  for (let status = 201; status === 201; ) {
    const name = `file ${saved.length}`;
    status = (await save(dav, name)).status;
    if (status === 201) saved.push(name);
    else assert.equal(status, 507);
    assert.ok(saved.length < 400, 'three disks of 256 MiB never became full');
  }
  assert.ok(saved.length > 30, `full after ${saved.length} files already`);
  assert.equal(await dav.get(`file ${saved.length}`), undefined, 'a refused file is there');
  await mustHold(dav, saved);

  const kept = saved.splice(0, Math.floor(saved.length / 2));
  for (const name of saved) assert.equal((await dav.send('DELETE', name)).status, 204);
  await waitUntil('space comes back after deleting', async () => (await save(dav, 'again')).status < 300);
  // Not all of it at once.
  for (let index = 0; index < 10; index++) {
    const body = contentOf(`more ${index}`, MiB);
    await waitUntil('there is more space', async () => (await dav.send('PUT', `more ${index}`, { body })).status < 300);
  }
  await mustHold(dav, [...kept, 'again']);
  dav.close();
  await mustBeSound(volume.directory);
  await server.stop();
});

test('a node filled by something else takes no more, and the others go on', options, async (context) => {
  const { volume, nodes } = await openVolume(context);
  const server = await volume.serve();
  const dav = new DavClient(server.url);
  await save(dav, 'before');
  const stranger = join(nodes[0]!.path, 'films');
  const { code, stderr } = await runCommand('dd', ['if=/dev/zero', `of=${stranger}`, 'bs=1M', 'conv=fsync']);
  assert.equal(code, 1, stderr);
  for (let index = 0; index < 12; index++) assert.equal((await save(dav, `while full ${index}`)).status, 201);
  await mustHold(dav, ['before', 'while full 0', 'while full 11']);
  await rm(stranger);
  await waitUntilWhole(volume.directory);
  await dav.must('PUT', 'after', { body: contentOf('after', fileBytes) });
  dav.close();
  await mustBeSound(volume.directory);
  await server.stop();
});

test('a node that is read-only at the start is read, and the others take the writes', options, async (context) => {
  const { volume, nodes } = await openVolume(context);
  const first = await volume.serve();
  const client = new DavClient(first.url);
  await save(client, 'before');
  client.close();
  await first.stop();
  await nodes[0]!.remount('ro');

  const server = await volume.serve();
  const dav = new DavClient(server.url);
  for (let index = 0; index < 8; index++) assert.equal((await save(dav, `file ${index}`)).status, 201);
  await mustHold(dav, ['before', 'file 0', 'file 7']);
  assert.equal(await nodeState(volume.directory, nodes[0]!.path), 'read-only');
  await nodes[0]!.remount('rw');
  await waitUntilWhole(volume.directory);
  await mustHold(dav, ['before', 'file 0', 'file 7']);
  dav.close();
  await mustBeSound(volume.directory);
  await server.stop();
});

test(
  'a file system error while serving costs no request, and the disk can be taken out for repair',
  options,
  async (context) => {
    const { volume, nodes } = await openVolume(context);
    const sick = nodes[0]!;
    await mustRun('mount', ['-o', 'remount,errors=remount-ro', sick.path]);
    const server = await volume.serve();
    const dav = new DavClient(server.url);
    await save(dav, 'before');
    await writeFile(`/sys/fs/ext4/${basename(sick.device)}/trigger_fs_error`, 'test');
    for (let index = 0; index < 8; index++) assert.equal((await save(dav, `file ${index}`)).status, 201);
    await mustHold(dav, ['before', 'file 0', 'file 7']);

    // Not lazily: a node that left must hold no file open.
    await waitUntil('the sick disk can be unmounted', async () =>
      sick.unmount().then(
        () => true,
        () => false,
      ),
    );
    await mustRun('e2fsck', ['-f', '-y', sick.device]).catch(() => {});
    await sick.mount();
    await waitUntilWhole(volume.directory);
    await mustHold(dav, ['before', 'file 0', 'file 7']);
    dav.close();
    await mustBeSound(volume.directory);
    await server.stop();
  },
);

async function openVolume(context: TestContext) {
  const workspace = await Workspace.create(context);
  return TestVolume.onLoopDisks(workspace, { nodeBytes: 256 * MiB, indexBytes: 256 * MiB });
}

const save = (dav: DavClient, name: string) => dav.send('PUT', name, { body: contentOf(name, fileBytes) });

async function mustHold(dav: DavClient, names: readonly string[]): Promise<void> {
  for (const name of names) assert.ok((await dav.get(name))?.equals(contentOf(name, fileBytes)), `${name} is wrong`);
}
