import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bytesOf,
  eventsOf,
  filesIn,
  get,
  MiB,
  mustCalmDown,
  openTestDrive,
  put,
  remove,
  reopen,
  untilStatus,
  untilTrue,
} from './drive-fixture.js';

test('space of deleted files is given back while a reader that has one open still reads it', async (t) => {
  const fixture = await openTestDrive(t);
  const kept = bytesOf(MiB, 7);
  for (let file = 0; file < 12; file += 1)
    await put(fixture, `file-${file}`, file === 5 ? kept : bytesOf(MiB, 100 + file));
  await reopen(fixture);
  const reader = await fixture.drive.volume.open(['file-5']);
  const before = await fixture.drive.status();
  for (let file = 0; file < 12; file += 1) await remove(fixture, `file-${file}`);
  await untilStatus(fixture, 'only the open file is stored', ({ storedBytes }) => storedBytes < 2 * MiB);
  assert.ok(before.storedBytes > 12 * MiB);
  const parts: Buffer[] = [];
  for await (const part of reader.read({ start: 0, end: reader.sizeBytes })) parts.push(part);
  assert.ok(Buffer.concat(parts).equals(kept));
  reader.close();
  await reopen(fixture); // Seals the segment that the cleaner wrote to.
  await untilStatus(fixture, 'nothing is stored', ({ storedBytes }) => storedBytes < MiB);
  // The files go after the batch that retires them.
  const areFew = async (path: string) => (await filesIn(path, 'segments')).length <= 3;
  for (const path of fixture.nodes)
    await untilTrue(
      () => areFew(path),
      () => `few files\n${eventsOf(fixture)}`,
    );
});

test('many small segments are merged, and then left alone', async (t) => {
  const fixture = await openTestDrive(t);
  const names: string[] = [];
  for (let round = 0; round < 18; round += 1) {
    names.push(`file-${round}`);
    await put(fixture, `file-${round}`, bytesOf(1_000 + round, round));
    await reopen(fixture);
  }
  await untilStatus(fixture, 'merged', ({ segments }) => segments.total <= 12);
  await mustCalmDown(fixture, { durationMs: 5_000, batches: 3 }); // More than two looks of the cleaner.
  for (const [round, name] of names.entries())
    assert.ok((await get(fixture, name)).equals(bytesOf(1_000 + round, round)));
});

test('one small segment with one small file is not written again and again', async (t) => {
  const fixture = await openTestDrive(t);
  await put(fixture, 'tiny', Buffer.from('x'));
  await reopen(fixture);
  await mustCalmDown(fixture, { durationMs: 3_000, batches: 0 });
});
