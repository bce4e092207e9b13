import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf, get, MiB, openTestDrive, put, reopen } from './drive-fixture.js';

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
