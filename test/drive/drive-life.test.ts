/** Creating, opening, closing and reopening a drive on real directories. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withCode } from '../suites/index-driver.js';
import { names, randomBytes, TestDrive } from './drive-fixture.js';

const MiB = 1024 * 1024;

test('what was saved is there after closing and opening', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  const big = randomBytes(5 * MiB + 123);
  await drive.put('big.bin', big);
  await drive.volume.makeFolder(['folder'], {});
  await drive.put('folder/small.txt', 'hello');
  await drive.reopen();
  assert.ok((await drive.get('big.bin')).equals(big));
  assert.equal((await drive.get('folder/small.txt')).toString(), 'hello');
});

test('a file that was stored by an earlier opening is stored again without new bytes', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  const big = randomBytes(3 * MiB + 5);
  await drive.put('first.bin', big);
  await drive.reopen();
  const before = await drive.drive.status();
  await drive.put('second.bin', big);
  const after = await drive.drive.status();
  assert.equal(after.epoch, before.epoch);
  assert.equal(after.storedBytes, before.storedBytes);
  await drive.volume.delete(names('first.bin'), {});
  assert.ok((await drive.get('second.bin')).equals(big));
});

test('one process opens a volume', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  const second = new Promise((resolve, reject) => {
    import('../../src/drive.js').then(({ openDrive }) =>
      openDrive({ directory: drive.directory }, drive.context).then(resolve, reject),
    );
  });
  await assert.rejects(second, withCode('IN_USE'));
});
