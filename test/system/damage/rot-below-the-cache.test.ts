/** Rot on a disk while the system still remembers what stood there: a plain read shows nothing, the scrub does. */
import assert from 'node:assert/strict';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { testSafety } from '../../../src/core/safety-parameters.js';
import { systemContext } from '../../../src/drive/drive-context.js';
import { createVolume, openDrive } from '../../../src/drive.js';
import { putFile, randomBytes } from '../../drive/drive-fixture.js';
import { LoopDisk } from '../tools/loop-disk.js';
import { loopDiskTools, MiB, missing } from '../tools/requirements.js';
import { segmentFiles } from '../tools/test-volume.js';
import { waitUntil } from '../tools/wait.js';
import { Workspace } from '../tools/workspace.js';

const skip = missing({ tools: loopDiskTools, root: true, freeBytes: 300 * MiB });
/** Nothing by itself: the scrub that is asked for finds it. */
const safety = { ...testSafety, scrubPeriodMs: Number.POSITIVE_INFINITY };
const context = { ...systemContext, safety };

test('rot below a warm cache is found by the scrub, named and healed', { skip, timeout: 900_000 }, async (t) => {
  const workspace = await Workspace.create(t);
  const disk = await LoopDisk.create(workspace, 'disk', 128 * MiB);
  const node = join(disk.path, 'node');
  const directory = join(workspace.path, 'home');
  await createVolume({ directory, nodes: [node, join(workspace.path, 'other')], replicas: 2 }, context);
  const bytes = randomBytes(2 * MiB, 3);
  const first = await openDrive({ directory }, context);
  await putFile(first.volume, 'precious', bytes);
  await first.close(); // Seals the segment.
  const drive = await openDrive({ directory }, context);
  workspace.defer(() => drive.close());
  const { path, content: whole } = await segmentHolding(node, bytes.subarray(0, 64));
  await rot(join(workspace.path, 'disk.img'), bytes.subarray(700_000, 700_064));
  // Unless another test has just emptied all caches.
  const remembers = (await readFile(path)).equals(whole);
  t.diagnostic(`the system ${remembers ? 'remembers' : 'does not remember'} what stood there`);

  const { findings, degraded } = await drive.proofs.scrub({});
  assert.deepEqual(findings, []);
  assert.ok(degraded.includes('/precious is whole, and one of its copies is not'), degraded.join('\n'));
  await waitUntil('the copy is made again', async () => (await drive.status()).healing.healedSegments > 0);
  assert.deepEqual((await drive.proofs.scrub({})).degraded, []);
  assert.ok((await readFile(path)).equals(whole));
});

/** The drive may have made another one already, for what is written next. */
async function segmentHolding(node: string, bytes: Buffer): Promise<{ path: string; content: Buffer }> {
  for (const path of (await segmentFiles(node)).values()) {
    const content = await readFile(path);
    if (content.includes(bytes)) return { path, content };
  }
  throw new Error('no segment holds the bytes');
}

/** Flips a bit where the image of the disk holds these bytes, below the file system. */
async function rot(image: string, content: Buffer): Promise<void> {
  const file = await open(image, 'r+');
  try {
    const at = (await file.readFile()).indexOf(content);
    assert.ok(at > 0, 'the disk holds the bytes');
    await file.write(Buffer.from([content[0]! ^ 1]), 0, 1, at);
    await file.sync();
  } finally {
    await file.close();
  }
}
