import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, eventsOf, get, MiB, openTestDrive, put, remove, reopen, untilTrue } from './drive-fixture.js';

test('a file whose chunks lie in a segment of an earlier opening is stored once and can be read', async (t) => {
  const fixture = await openTestDrive(t);
  const bytes = bytesOf(3 * MiB, 1);
  await put(fixture, 'a', bytes);
  await reopen(fixture);
  const before = (await fixture.drive.status()).storedBytes;
  await put(fixture, 'b', bytes);
  assert.ok((await get(fixture, 'b')).equals(bytes));
  assert.ok((await fixture.drive.status()).storedBytes < before + MiB, 'stored again');
});

test('what a running upload found stored already is not cleaned away, though nothing else refers to it any more', async (t) => {
  const fixture = await openTestDrive(t, { safety: { syncWindowBytes: 64 * MiB } });
  // So short that nothing of the upload is recorded on the way: only its pin speaks for it.
  const bytes = bytesOf(100_000, 1);
  await put(fixture, 'a', bytes);
  await reopen(fixture);
  await put(fixture, 'canary', bytesOf(3 * MiB, 2));
  await reopen(fixture);
  const { drive } = fixture;
  const upload = await drive.volume.upload({ expectedBytes: bytes.length });
  await upload.write(Buffer.from(bytes));
  const content = await upload.finish();
  const before = (await drive.status()).storedBytes;
  await remove(fixture, 'a');
  await remove(fixture, 'canary');
  await untilTrue(
    async () => (await drive.status()).storedBytes <= before - 3 * MiB,
    () => eventsOf(fixture),
  );
  await drive.volume.put(['b'], content, {});
  assert.ok((await get(fixture, 'b')).equals(bytes));
});
