/** A node that is away on purpose: a full copy with an age, beside the copies that count. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DriveError, hasCode } from '../../../src/core/errors.js';
import { rebuildVolume } from '../../../src/drive.js';
import type { NodeStatus } from '../../../src/drive-status.js';
import { randomBytes, TestDrive } from '../drive-fixture.js';

const weekMs = 7 * 86_400_000;

async function withUsbDisk(t: TestContext): Promise<TestDrive> {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'] })).open();
  await drive.put('/one', randomBytes(300_000));
  await drive.drive.addNode({ path: join(drive.folder, 'usb'), label: 'usb' });
  await drive.drive.disks.away({ node: 'usb', everyMs: weekMs });
  await drive.until('the copy is complete', async () => (await usb(drive)).copy?.mayLeave === true);
  return drive;
}

async function usb(drive: TestDrive): Promise<NodeStatus> {
  return (await drive.drive.status()).nodes.find((node) => node.label === 'usb')!;
}

test('it gets everything, belongs to no write set, and is said to be current once', async (t) => {
  const drive = await withUsbDisk(t);
  const { role, writeSet, usedBytes, copy } = await usb(drive);
  assert.deepEqual([role, writeSet], ['away', false]);
  assert.ok(usedBytes >= 300_000);
  assert.equal(copy?.due, copy!.current! + weekMs);
  assert.equal(drive.events.filter(({ kind }) => kind === 'copy-current').length, 1);
  assert.deepEqual((await drive.drive.check()).degraded, []);
});

test('while it is elsewhere nothing is alarmed, copied or degraded because of it', async (t) => {
  const drive = await withUsbDisk(t);
  await drive.pull('usb');
  await drive.untilState('usb', 'offline');
  await drive.put('/two', randomBytes(300_000, 2));
  const { health, segments, healing } = await drive.drive.status();
  assert.deepEqual([health, segments.degraded, healing.startsInMs], ['good', 0, null]);
  assert.deepEqual((await drive.drive.check()).degraded, []);
  assert.ok(!drive.events.some(({ kind }) => kind === 'node-gone'));
  // An opening without it is an opening like others.
  await drive.reopen();
  assert.equal((await drive.drive.status()).health, 'good');
  assert.equal((await usb(drive)).copy?.mayLeave, false);
});

test('it does not count: of the other copies none is too many', async (t) => {
  const drive = await withUsbDisk(t);
  await drive.pull('b');
  await drive.untilState('b', 'offline');
  const { segments } = await drive.drive.status();
  assert.ok(segments.degraded > 0, 'one counted copy is left, and the copy on the disk');
  await drive.plug('b');
  await drive.untilState('b', 'online');
});

test('plugged in again it catches up, with what is new and without what was deleted', async (t) => {
  const drive = await withUsbDisk(t);
  await drive.pull('usb');
  await drive.untilState('usb', 'offline');
  const before = (await usb(drive)).copy!.current!;
  await drive.put('/two', randomBytes(300_000, 2));
  await drive.volume.delete(['one'], {});
  await drive.plug('usb');
  await drive.until('the copy is complete again', async () => (await usb(drive)).copy?.mayLeave === true);
  assert.ok((await usb(drive)).copy!.current! > before);
  // With everything else lost, its copies are read like others.
  await drive.pull('a');
  await drive.pull('b');
  await drive.untilState('a', 'offline');
  await drive.untilState('b', 'offline');
  assert.deepEqual(await drive.get('/two'), randomBytes(300_000, 2));
  await assert.rejects(drive.get('/one'));
  await drive.plug('a');
  await drive.plug('b');
  await drive.untilState('a', 'online');
  await drive.untilState('b', 'online');
});

test('when only this disk is left, all that is on it can be read', async (t) => {
  const drive = await withUsbDisk(t);
  const { current } = (await usb(drive)).copy!;
  assert.ok(current);
  await drive.close();
  await drive.pull('a');
  await drive.pull('b');
  await rm(drive.directory, { recursive: true });
  const options = { directory: drive.directory, nodes: [join(drive.folder, 'usb')] };
  await assert.rejects(rebuildVolume(options, drive.context));
  await assert.rejects(rebuildVolume({ ...options, without: ['node-1'] }, drive.context), (error) => {
    assert.ok(hasCode(error, 'READ_ONLY'), String(error));
    assert.match((error as DriveError).hint ?? '', /node-2/);
    return true;
  });
  const report = await rebuildVolume({ ...options, without: ['node-1', 'node-2'] }, drive.context);
  assert.deepEqual([report.files, report.missingNodes], [1, []]);
  await drive.open();
  assert.deepEqual(await drive.get('/one'), randomBytes(300_000));
  assert.equal((await drive.drive.status()).health, 'read-only');
  await drive.closeUnchecked();
});

test('an ordinary node again, its copies count', async (t) => {
  const drive = await withUsbDisk(t);
  await drive.drive.disks.away({ node: 'usb', everyMs: null });
  const { role, copy } = await usb(drive);
  assert.deepEqual([role, copy], ['active', undefined]);
  await drive.pull('b');
  await drive.untilState('b', 'offline');
  assert.equal((await drive.drive.status()).segments.degraded, 0, 'two counted copies are left');
  await drive.plug('b');
  await drive.untilState('b', 'online');
});
