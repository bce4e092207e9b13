import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import {
  bytesOf,
  eventsOf,
  filesIn,
  get,
  isWhole,
  MiB,
  openTestDrive,
  pull,
  put,
  remove,
  segmentFiles,
  untilStatus,
  untilTrue,
} from './drive-fixture.js';

test('a node pulled under load: no error, healing after the grace, and everything whole again with it back', async (t) => {
  const fixture = await openTestDrive(t);
  const contents = new Map<string, Buffer>();
  const save = async (name: string, bytes: Buffer) => {
    await put(fixture, name, bytes);
    contents.set(name, bytes);
  };
  for (let file = 0; file < 12; file += 1) await save(`before-${file}`, bytesOf(MiB / 2 + file, file));
  const mountPoint = fixture.nodes[1]!;
  const saving = (async () => {
    for (let file = 0; file < 20; file += 1) await save(`during-${file}`, bytesOf(MiB / 2 + file, 100 + file));
  })();
  const giveBack = await pull(mountPoint);
  await saving;
  for (let file = 0; file < 4; file += 1) {
    await remove(fixture, `before-${file}`);
    contents.delete(`before-${file}`);
    await save(`before-${file + 4}`, bytesOf(MiB / 4, 200 + file));
  }
  for (const [name, bytes] of contents) assert.ok((await get(fixture, name)).equals(bytes), name);
  const healed = await untilStatus(fixture, 'healed without it', ({ nodes, segments }) => {
    return nodes.some((node) => node.state === 'offline') && segments.degraded === 0;
  });
  assert.equal(healed.health, 'degraded');
  assert.deepEqual(await readdir(mountPoint), []);
  await giveBack();
  await untilStatus(fixture, 'whole again', isWhole);
  for (const [name, bytes] of contents) assert.ok((await get(fixture, name)).equals(bytes), name);
  for (let file = 0; file < 4; file += 1) await assert.rejects(get(fixture, `before-${file}`));
  const { findings, degraded } = await fixture.drive.check();
  assert.deepEqual([findings, degraded], [[], []]);
});

test('what a returning node holds beyond need goes to its attic, and nothing else does', async (t) => {
  const fixture = await openTestDrive(t, { safety: { atticMs: 3_600_000 } });
  for (let file = 0; file < 12; file += 1) await put(fixture, `file-${file}`, bytesOf(MiB, file));
  const giveBack = await pull(fixture.nodes[0]!);
  await untilStatus(fixture, 'healed without it', ({ nodes, segments }) => {
    return nodes.some((node) => node.state === 'offline') && segments.degraded === 0;
  });
  await giveBack();
  await untilStatus(fixture, 'whole again', isWhole);
  await untilTrue(
    async () => {
      const held = await Promise.all(fixture.nodes.map((path) => segmentFiles(path)));
      const copies = new Map<string, number>();
      for (const path of held.flat()) copies.set(path.slice(-29), (copies.get(path.slice(-29)) ?? 0) + 1);
      return [...copies.values()].every((count) => count === 2);
    },
    () => eventsOf(fixture),
  );
  assert.ok((await filesIn(fixture.nodes[0]!, 'attic')).some((name) => name.includes('.segments.')));
  for (let file = 0; file < 12; file += 1)
    assert.ok((await get(fixture, `file-${file}`)).equals(bytesOf(MiB, file)), `file-${file}`);
});

test('a node within its grace is waited for: nothing is copied, and its return costs no copy', async (t) => {
  const fixture = await openTestDrive(t, { safety: { healGraceMs: 600_000 } });
  for (let file = 0; file < 6; file += 1) await put(fixture, `file-${file}`, bytesOf(MiB, file));
  const giveBack = await pull(fixture.nodes[2]!);
  const away = await untilStatus(fixture, 'seen to be away', ({ nodes }) => {
    return nodes.some((node) => node.state === 'offline');
  });
  assert.ok(away.healing.startsInMs !== null && away.healing.startsInMs > 300_000);
  await giveBack();
  await untilStatus(fixture, 'whole again', isWhole);
});
