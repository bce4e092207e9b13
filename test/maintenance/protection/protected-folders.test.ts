/** Folders with a number of copies of their own, on real nodes: what is saved there, what is brought to it, what survives. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rebuildVolume } from '../../../src/drive.js';
import type { DriveStatus } from '../../../src/drive-status.js';
import { segmentOfFileName } from '../../../src/segment/segment-id.js';
import {
  bytesOf,
  type DriveFixture,
  eventsOf,
  filesIn,
  MiB,
  openTestDrive,
  pull,
  reopen,
  untilStatus,
  untilTrue,
} from '../drive-fixture.js';

const sizeBytes = 300_000;

async function save({ drive }: DriveFixture, path: readonly string[], seed: number): Promise<Buffer> {
  const bytes = bytesOf(sizeBytes, seed);
  const upload = await drive.volume.upload({ path });
  await upload.write(bytes);
  await drive.volume.put(path, await upload.finish(), {});
  return bytes;
}

async function read({ drive }: DriveFixture, path: readonly string[]): Promise<Buffer> {
  const reader = await drive.volume.open(path);
  try {
    const parts: Buffer[] = [];
    for await (const part of reader.read({ start: 0, end: reader.sizeBytes })) parts.push(part);
    return Buffer.concat(parts);
  } finally {
    reader.close();
  }
}

async function withFolders(fixture: DriveFixture): Promise<void> {
  for (const [folder, replicas] of [
    ['precious', 3],
    ['scratch', 1],
  ] as const) {
    await fixture.drive.volume.makeFolder([folder], {});
    await fixture.drive.protection.set({ folder: `/${folder}`, replicas });
  }
}

const segmentsOn = async (node: string): Promise<string[]> =>
  (await filesIn(node, 'segments')).filter((name) => segmentOfFileName(name) !== undefined);

/** How many nodes hold each segment file, most first. */
async function copies(fixture: DriveFixture): Promise<number[]> {
  const counts = new Map<string, number>();
  for (const node of fixture.nodes) {
    for (const name of await segmentsOn(node)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts.values()].sort((a, b) => b - a);
}

async function untilCopies(fixture: DriveFixture, wanted: readonly number[]): Promise<void> {
  let last: number[] = [];
  await untilTrue(
    async () => {
      last = await copies(fixture);
      return last.join() === wanted.join();
    },
    () => `${wanted} copies, there are ${last}\n${eventsOf(fixture)}`,
  );
}

const isSettled = ({ segments, healing }: DriveStatus) => segments.degraded === 0 && healing.queuedSegments === 0;

test('with a precious folder on 3 nodes two may be pulled; what is kept once is away, not damaged', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 3, safety: { healGraceMs: 600_000 } });
  await withFolders(fixture);
  const precious = await save(fixture, ['precious', 'a'], 1);
  const scratch = await save(fixture, ['scratch', 'a'], 2);
  assert.deepEqual(await copies(fixture), [3, 1]);
  await reopen(fixture);
  const before = await untilStatus(fixture, 'settled', isSettled);
  assert.equal(before.health, 'good');
  assert.match(before.protection, /\. Folders kept once by choice: \/scratch\.$/);
  const holder = await holderOfScratch(fixture);
  const others = fixture.nodes.filter((path) => path !== holder);
  const putBack = [await pull(holder)];
  const away = await untilStatus(fixture, 'away', ({ nodes }) => nodes.some(({ state }) => state === 'offline'));
  assert.equal(away.segments.lost, 0);
  assert.equal(away.health, 'degraded');
  assert.match(away.protection, /Files kept once by choice are away with node-\d: \/scratch;/);
  await assert.rejects(read(fixture, ['scratch', 'a']), { code: 'UNAVAILABLE' });
  putBack.push(await pull(others[0]!));
  await untilStatus(fixture, 'two away', ({ nodes }) => nodes.filter(({ state }) => state === 'offline').length === 2);
  assert.deepEqual(await read(fixture, ['precious', 'a']), precious);
  for (const back of putBack) await back();
  await untilStatus(fixture, 'all back', ({ nodes }) => nodes.every(({ state }) => state === 'online'));
  assert.deepEqual(await read(fixture, ['scratch', 'a']), scratch);
});

async function holderOfScratch(fixture: DriveFixture): Promise<string> {
  const lists = await Promise.all(fixture.nodes.map(segmentsOn));
  const alone = lists.findIndex((names, index) =>
    names.some((name) => lists.every((other, at) => at === index || !other.includes(name))),
  );
  assert.ok(alone >= 0);
  return fixture.nodes[alone]!;
}

test('a file that was saved once is saved again when its disk is away, and can be read', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 3, safety: { healGraceMs: 600_000 } });
  await withFolders(fixture);
  const bytes = await save(fixture, ['scratch', 'a'], 3);
  await reopen(fixture);
  const holder = await holderOfScratch(fixture);
  const putBack = await pull(holder);
  await untilStatus(fixture, 'away', ({ nodes }) => nodes.some(({ state }) => state === 'offline'));
  await save(fixture, ['scratch', 'a'], 3);
  assert.deepEqual(await read(fixture, ['scratch', 'a']), bytes);
  await putBack();
  await untilStatus(fixture, 'back', ({ nodes }) => nodes.every(({ state }) => state === 'online'));
});

test('what is there already is brought to a setting that is made, changed and taken back', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 3 });
  await fixture.drive.volume.makeFolder(['photos'], {});
  const bytes = await save(fixture, ['photos', 'a'], 4);
  await reopen(fixture);
  await untilCopies(fixture, [2]);
  await fixture.drive.protection.set({ folder: 'photos', replicas: 3 });
  await untilCopies(fixture, [3]);
  await fixture.drive.protection.set({ folder: 'photos', replicas: 1 });
  await untilCopies(fixture, [1]);
  assert.deepEqual(await read(fixture, ['photos', 'a']), bytes);
  await fixture.drive.protection.set({ folder: 'photos', replicas: null });
  await untilCopies(fixture, [2]);
  await untilStatus(fixture, 'settled', (status) => isSettled(status) && status.health === 'good');
  assert.deepEqual(await read(fixture, ['photos', 'a']), bytes);
});

test('a file that moves to a precious folder is protected, though its segment is still open', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 3 });
  await withFolders(fixture);
  const bytes = await save(fixture, ['scratch', 'a'], 5);
  assert.deepEqual(await copies(fixture), [1]);
  await fixture.drive.volume.move(['scratch', 'a'], ['precious', 'a'], { overwrite: false });
  await untilCopies(fixture, [3]);
  await untilStatus(fixture, 'settled', isSettled);
  assert.deepEqual(await read(fixture, ['precious', 'a']), bytes);
});

test('equal bytes are stored once where that is protection enough, and again where it is not', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 3 });
  await withFolders(fixture);
  await save(fixture, ['precious', 'a'], 6);
  await save(fixture, ['scratch', 'a'], 6);
  await save(fixture, ['a'], 6);
  assert.deepEqual(await copies(fixture), [3], 'the precious copies do for all');
  await save(fixture, ['scratch', 'b'], 7);
  await save(fixture, ['b'], 7);
  await save(fixture, ['precious', 'b'], 7);
  assert.deepEqual(await copies(fixture), [3, 2, 1]);
  await reopen(fixture);
  // The precious segment holds the chunk for all three files by now: the others are dead, and go.
  await untilStatus(fixture, 'one segment', ({ segments }) => segments.total <= 2);
  await untilStatus(fixture, 'settled', isSettled);
});

test('a rebuild from the nodes gives the settings and the numbers of copies back', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 3 });
  await withFolders(fixture);
  const bytes = await save(fixture, ['precious', 'a'], 8);
  await save(fixture, ['scratch', 'a'], 9);
  const before = await fixture.drive.protection.list();
  assert.deepEqual(before, {
    replicas: 2,
    nodes: 3,
    folders: [
      { folder: '/precious', replicas: 3 },
      { folder: '/scratch', replicas: 1 },
    ],
  });
  await fixture.drive.close();
  await rebuildVolume({ directory: fixture.directory }, fixture.context);
  await reopen(fixture);
  assert.deepEqual(await fixture.drive.protection.list(), before);
  await untilStatus(fixture, 'settled', isSettled);
  assert.deepEqual(await copies(fixture), [3, 1]);
  assert.deepEqual(await read(fixture, ['precious', 'a']), bytes);
});

test('cleaning moves chunks to segments with as many copies', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 3 });
  await withFolders(fixture);
  const kept = await save(fixture, ['scratch', 'kept'], 10);
  const upload = await fixture.drive.volume.upload({ path: ['scratch', 'large'] });
  await upload.write(bytesOf(3 * MiB, 11));
  await fixture.drive.volume.put(['scratch', 'large'], await upload.finish(), {});
  for (let seed = 20; seed < 40; seed += 1) await save(fixture, ['scratch', `${seed}`], seed);
  await reopen(fixture);
  await fixture.drive.volume.delete(['scratch', 'large'], {});
  for (let seed = 20; seed < 40; seed += 1) await fixture.drive.volume.delete(['scratch', `${seed}`], {});
  await untilStatus(fixture, 'cleaned', ({ storedBytes }) => storedBytes < 2 * sizeBytes);
  await reopen(fixture);
  await untilStatus(fixture, 'settled', isSettled);
  // How many files they lie in is the cleaner's business.
  assert.deepEqual([...new Set(await copies(fixture))], [1]);
  assert.deepEqual(await read(fixture, ['scratch', 'kept']), kept);
});
