import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { test } from 'node:test';
import {
  bytesOf,
  eventsOf,
  filesIn,
  get,
  isWhole,
  MiB,
  openTestDrive,
  put,
  remove,
  untilStatus,
  untilTrue,
} from './drive-fixture.js';
import { smallDisks } from './small-disks.js';

test('a node that gets full is gone round, and with room again it is made current without leaving', async (t) => {
  const { fileIo, sizes } = smallDisks();
  const fixture = await openTestDrive(t, { fileIo });
  for (let file = 0; file < 4; file += 1) await put(fixture, `file-${file}`, bytesOf(MiB, file));
  sizes.set('disk-1', 1);
  const stateOf = (label: string) => async () =>
    (await fixture.drive.status()).nodes.find((node) => node.label === label)!.state;
  await untilTrue(
    async () => (await stateOf('node-1')()) === 'full',
    () => eventsOf(fixture),
  );
  for (let file = 4; file < 10; file += 1) await put(fixture, `file-${file}`, bytesOf(MiB, file));
  sizes.delete('disk-1');
  await untilStatus(fixture, 'well', (status) => isWhole(status) && status.nodes.every(({ behind }) => behind === 0));
  for (let file = 0; file < 10; file += 1)
    assert.ok((await get(fixture, `file-${file}`)).equals(bytesOf(MiB, file)), `file-${file}`);
  for (let file = 10; file < 14; file += 1) await put(fixture, `file-${file}`, bytesOf(MiB, file));
  await untilStatus(fixture, 'all follow', (status) => status.nodes.every(({ behind }) => behind === 0));
});

test('what waits in the attics counts as free and is given back before anything is refused', async (t) => {
  const { fileIo, sizes } = smallDisks();
  for (const disk of ['disk-1', 'disk-2']) sizes.set(disk, 64 * MiB);
  // What is saved waits for the room that is on its way.
  const fixture = await openTestDrive(t, { nodes: 2, fileIo, safety: { atticMs: 3_600_000, retryMs: 60_000 } });
  const waiting = async () =>
    (await Promise.all(fixture.nodes.map((path) => filesIn(path, 'attic'))))
      .flat()
      .filter((name) => name.includes('.seg'));
  let seed = 0;
  for (let round = 0; round < 3; round += 1) {
    for (let file = 0; file < 5; file += 1) await put(fixture, `file-${file}`, bytesOf(6 * MiB, seed++));
    for (let file = 0; file < 5; file += 1) {
      assert.ok((await get(fixture, `file-${file}`)).equals(bytesOf(6 * MiB, seed - 5 + file)));
      await remove(fixture, `file-${file}`);
    }
    // The first round's files wait in the attics; later ones may have given their room back already.
    if (round === 0)
      await untilTrue(
        async () => (await waiting()).length > 0,
        () => eventsOf(fixture),
      );
    // Both lie on one file system, so half of what the next round writes; the cleaner has done most of its work by then.
    await untilTrue(
      async () => (await fixture.drive.volume.space()).availableBytes > 15 * MiB,
      () => eventsOf(fixture),
    );
  }
});

test('a disk that is truly full refuses, and deleting still works', async (t) => {
  const { fileIo, sizes } = smallDisks();
  for (const disk of ['disk-1', 'disk-2']) sizes.set(disk, 48 * MiB);
  const fixture = await openTestDrive(t, { nodes: 2, fileIo, safety: { retryMs: 60_000 } });
  let stored = 0;
  await assert.rejects(
    async () => {
      for (; stored < 40; stored += 1) await put(fixture, `file-${stored}`, bytesOf(2 * MiB, stored));
    },
    { code: 'OUT_OF_SPACE' },
  );
  assert.ok(stored >= 4, `${stored} files`);
  for (let file = 0; file < stored; file += 1) await remove(fixture, `file-${file}`);
  // The room comes back by itself, moments later: nothing that is saved meanwhile is refused.
  for (let file = 0; file < stored; file += 1) await put(fixture, `again-${file}`, bytesOf(2 * MiB, 99 + file));
});

test('what the drive calls free can be saved, and then a lost disk is still healed, and files are deleted', async (t) => {
  const { fileIo, sizes } = smallDisks();
  // Sizes of their own, so they count as file systems of their own.
  for (const [index, disk] of ['disk-1', 'disk-2', 'disk-3'].entries()) sizes.set(disk, (80 + index) * MiB);
  const fixture = await openTestDrive(t, { fileIo, safety: { retryMs: 1_000, healGraceMs: 100 } });
  const free = async () => (await fixture.drive.volume.space()).availableBytes;
  await untilTrue(
    async () => (await free()) > 0,
    () => eventsOf(fixture),
  );
  const promised = await free();
  // Plain capacity would be half of all again as much.
  assert.ok(promised > 50 * MiB && promised < 80 * MiB, `${promised}`);
  let stored = 0;
  await assert.rejects(
    async () => {
      for (; stored < 100; stored += 1) await put(fixture, `file-${stored}`, bytesOf(MiB, stored));
    },
    { code: 'OUT_OF_SPACE' },
  );
  // The journal takes some, and segments that are open when the figure is used up are still filled: one on each node.
  assert.ok(Math.abs(stored * MiB - promised) <= 3 * 4 * MiB, `${stored} MiB of ${promised / MiB}`);
  assert.equal((await fixture.drive.status()).availableBytes, await free());
  const [gone] = fixture.nodes;
  await rename(gone!, `${gone!}-unplugged`);
  await untilStatus(
    fixture,
    'healed',
    ({ segments, healing }) => segments.degraded === 0 && healing.queuedSegments === 0,
  );
  for (let file = 0; file < stored; file += 1)
    assert.ok((await get(fixture, `file-${file}`)).equals(bytesOf(MiB, file)), `file-${file}`);
  await remove(fixture, 'file-0');
  await rename(`${gone!}-unplugged`, gone!);
  await untilStatus(fixture, 'back', ({ nodes }) => nodes.every(({ state }) => state === 'online' || state === 'full'));
});
