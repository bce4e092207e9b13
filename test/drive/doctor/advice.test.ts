/** The rules of the examination, and what they read of the machine. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { diskOf, mountsIn } from '../../../src/config/machine-facts.js';
import {
  clockAdvice,
  diskAdvice,
  type ExaminedNode,
  groupAdvice,
  indexAdvice,
  proofAdvice,
  rehearsalAdvice,
  watchAdvice,
} from '../../../src/drive/doctor/advice.js';
import { TestDrive } from '../drive-fixture.js';

const node = (label: string, changes: Partial<ExaminedNode> = {}): ExaminedNode => ({
  label,
  path: `/disks/${label}/hold`,
  group: label,
  counts: true,
  isHere: true,
  device: undefined,
  ...changes,
});
const directory = '/srv/home';

test('mounts are read with their escapes, and partitions lead to their disk', () => {
  const text = [
    '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
    '90 22 8:17 / /media/my\\040disk rw - ext4 /dev/sdb1 rw',
    'nonsense',
    '',
  ].join('\n');
  assert.deepEqual(mountsIn(text), [
    { path: '/', source: '/dev/sda1' },
    { path: '/media/my disk', source: '/dev/sdb1' },
  ]);
  const disks = ['/dev/sda1', '/dev/nvme0n1p2', '/dev/mmcblk0p1', '/dev/sdb', '/dev/mapper/x1', 'server:/share1'];
  assert.deepEqual(disks.map(diskOf), [
    '/dev/sda',
    '/dev/nvme0n1',
    '/dev/mmcblk0',
    '/dev/sdb',
    '/dev/mapper/x1',
    'server:/share1',
  ]);
});

test('nodes that share a file system or a disk while they claim to fail apart are named', () => {
  const mounts = [
    { path: '/', source: '/dev/sda1' },
    { path: '/disks/a', source: '/dev/sdb1' },
    { path: '/disks/b', source: '/dev/sdb2' },
    { path: '/disks/c', source: '/dev/sdc1' },
  ];
  const [first, ...rest] = diskAdvice([node('a'), node('b'), node('c')], { mounts, directory });
  assert.match(first!.finding, /^a and b lie on one disk \(\/dev\/sdb\)/);
  assert.match(first!.next, /holdfast node replace \/srv\/home b PATH/);
  assert.deepEqual(rest, []);
  const same = [node('a', { device: 7 }), node('b', { device: 7 }), node('c', { device: 7, group: 'a' })];
  assert.match(diskAdvice(same, { mounts: [], directory })[0]!.finding, /a and b lie on one file system/);
  assert.deepEqual(diskAdvice([same[0]!, same[2]!], { mounts: [], directory }), [], 'one group knows that');
  assert.deepEqual(diskAdvice([node('a'), node('b', { isHere: false })], { mounts, directory }), []);
});

test('fewer failure groups than copies are told, nodes that are away on purpose not counted', () => {
  const one = [node('a', { group: 'x' }), node('b', { group: 'x' }), node('usb', { counts: false })];
  assert.match(groupAdvice(one, { replicas: 2, directory })[0]!.finding, /2 copies of a file lie in 1 failure group,/);
  assert.deepEqual(groupAdvice([node('a'), node('b')], { replicas: 2, directory }), []);
  assert.match(groupAdvice([node('a')], { replicas: 1, directory })[0]!.finding, /one copy/);
});

test('an index beside a node, small limits and a clock that is behind are told', () => {
  assert.match(indexAdvice([node('a', { device: 7 }), node('b')], { directory, device: 7 })[0]!.finding, /of a:/);
  assert.deepEqual(indexAdvice([node('a', { device: 7 })], { directory, device: undefined }), []);
  assert.deepEqual(watchAdvice({ mounts: [], watches: null, watchInstances: null }, 3), []);
  const [advice] = watchAdvice({ mounts: [], watches: 100, watchInstances: 128 }, 3);
  assert.match(advice!.finding, /fs\.inotify\.max_user_watches is 100/);
  assert.match(advice!.next, /sysctl fs\.inotify\.max_user_watches=1015/);
  assert.deepEqual(clockAdvice(1_000_000, 1_200_000), []);
  assert.match(clockAdvice(0, 3_600_000)[0]!.finding, /60 minutes behind/);
});

test('nodes whose places were exchanged are named, and so is a bare folder where a disk should be', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  await drive.close();
  await rename(join(drive.folder, 'a'), join(drive.folder, 'x'));
  await rename(join(drive.folder, 'b'), join(drive.folder, 'a'));
  await rename(join(drive.folder, 'x'), join(drive.folder, 'b'));
  await drive.open();
  const findings = async () => (await drive.drive.disks.examine()).map(({ finding }) => finding).join('\n');
  assert.match(await findings(), /\/a is where node-1 is looked for, and node-2 lies there/);
  await drive.closeUnchecked();
  await rename(join(drive.folder, 'a'), join(drive.folder, 'x'));
  await rename(join(drive.folder, 'b'), join(drive.folder, 'a'));
  await rename(join(drive.folder, 'x'), join(drive.folder, 'b'));
  await drive.open();
  assert.doesNotMatch(await findings(), /looked for/);
  await drive.pull('c');
  await mkdir(join(drive.folder, 'c'));
  await drive.untilState('c', 'offline');
  assert.match(await findings(), /\/c, where node-3 is to be mounted, is an empty folder/);
  const file = join(drive.folder, 'c', 'something');
  await writeFile(file, 'else');
  assert.doesNotMatch(await findings(), /is an empty folder/);
  assert.equal(await readFile(file, 'utf8'), 'else');
});

test('copies that were not verified for longer than they should be are told', () => {
  const dayMs = 86_400_000;
  const options = { now: 100 * dayMs, periodMs: 30 * dayMs, directory: '/srv/home' };
  const nodes = [
    { label: 'fresh', oldest: 71 * dayMs },
    { label: 'new', oldest: null },
    { label: 'blue', oldest: 60 * dayMs },
  ];
  const advice = proofAdvice(nodes, options);
  assert.equal(advice.length, 1);
  assert.match(advice[0]!.finding, /on blue were last verified 40 days ago/);
  assert.match(advice[0]!.next, /holdfast scrub \/srv\/home --now/);
});

test('a rebuild that was last proven more than a week ago is told, one that was never rehearsed is not', () => {
  const dayMs = 86_400_000;
  const options = { now: 100 * dayMs, directory: '/srv/home' };
  assert.deepEqual(rehearsalAdvice(93 * dayMs, options), []);
  assert.deepEqual(rehearsalAdvice(undefined, options), []);
  const [advice] = rehearsalAdvice(80 * dayMs, options);
  assert.match(advice!.finding, /last proven 20 days ago/);
  assert.match(advice!.next, /holdfast rehearse \/srv\/home/);
});
