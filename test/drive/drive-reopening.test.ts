/** Disks that vanish and come back under a running drive, indexes that are lost or wrong: nothing saved is lost. */
import assert from 'node:assert/strict';
import { copyFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/core/clock.js';
import { testSafety } from '../../src/core/safety-parameters.js';
import { withCode } from '../suites/index-driver.js';
import { getFile, randomBytes, TestDrive } from './drive-fixture.js';

const MiB = 1024 * 1024;
/** No answer that waits for the disks comes before they are back; others come long before this on any machine. */
const patienceMs = 60_000;
/** Who waits for disks that come back waits longer than any machine needs to open the volume anew. */
const patient = { safety: { ...testSafety, retryMs: 120_000 } };

test('the last disks vanish: status answers at once, requests end, and all goes on when they are back', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'] })).open();
  await drive.put('before.txt', 'before');
  await drive.pull('a');
  await drive.pull('b');
  await drive.untilState('a', 'offline');
  await drive.untilState('b', 'offline');
  const started = systemClock.monotonic();
  const change = drive.volume.makeFolder(['while-away'], {});
  change.catch(() => undefined);
  const status = await drive.drive.status();
  assert.ok(systemClock.monotonic() - started < patienceMs, 'status does not wait');
  assert.notEqual(status.health, 'good');
  await assert.rejects(change, (error) => withCode('UNAVAILABLE')(error) || withCode('READ_ONLY')(error));
  assert.ok(systemClock.monotonic() - started < 2 * patienceMs, 'bounded');
  assert.equal((await drive.volume.stat(['before.txt']))?.sizeBytes, 6, 'names can be looked up');
  await drive.plug('a');
  await drive.plug('b');
  await drive.until('changes are taken again', async () => {
    const done = drive.volume.makeFolder([`after-${drive.events.length}`], {});
    return done.then(
      () => true,
      () => false,
    );
  });
  assert.equal((await drive.get('before.txt')).toString(), 'before');
  await drive.untilState('a', 'online');
  await drive.untilState('b', 'online');
});

test('changes that come while no disk takes them wait for one, for a bounded time', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'], context: patient })).open();
  await drive.put('old.txt', 'old');
  await drive.pull('a');
  await drive.pull('b');
  // Before that a change may be under way, of which nobody knows whether it happened.
  await untilReadOnly(drive);
  const changes = [
    drive.volume.makeFolder(['folder'], {}),
    drive.volume.move(['old.txt'], ['new.txt'], { overwrite: false }),
    drive.volume.setProperties(['old.txt'], [], {}).catch((error: unknown) => assert.ok(withCode('NOT_FOUND')(error))),
  ];
  await drive.plug('a');
  await drive.plug('b');
  await Promise.all(changes);
  assert.equal((await drive.get('new.txt')).toString(), 'old');
  assert.equal((await drive.volume.stat(['folder']))?.kind, 'folder');
});

function untilReadOnly(drive: TestDrive): Promise<void> {
  return drive.until('it is open for reading only', async () =>
    drive.events.some((event) => JSON.stringify(event).includes('open for reading only')),
  );
}

test('a read that began before the disks vanished goes on when they are back', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'], context: patient })).open();
  const bytes = randomBytes(12 * MiB);
  await drive.put('big.bin', bytes);
  const reader = await drive.volume.open(['big.bin']);
  const parts: Buffer[] = [];
  let isPulled = false;
  let change: Promise<unknown> | undefined;
  for await (const part of reader.read({ start: 0, end: bytes.length })) {
    parts.push(part);
    if (isPulled) continue;
    isPulled = true;
    await drive.pull('a');
    await drive.pull('b');
    change = drive.volume.makeFolder(['breaks-the-committer'], {}).catch(() => undefined);
    await untilReadOnly(drive);
    await drive.plug('a');
    await drive.plug('b');
  }
  reader.close();
  await change;
  assert.ok(Buffer.concat(parts).equals(bytes));
});

test('a node that was away during changes is made current', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  await drive.pull('a');
  await drive.untilState('a', 'offline');
  await drive.put('while-away.bin', randomBytes(2 * MiB));
  await drive.plug('a');
  await drive.untilState('a', 'online');
  await drive.until('its journal has everything', async () => {
    const { nodes } = await drive.drive.status();
    return nodes.every((node) => node.behind === 0);
  });
});

test('with no member of the newest epoch it is read only, and takes changes when one is plugged in', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b', 'c'] })).open();
  await drive.put('file.txt', 'content');
  const members = (await drive.drive.status()).nodes.filter((node) => node.writeSet);
  const names = members.map((node) => node.path.split('/').at(-1)!);
  await drive.close();
  for (const name of names) await drive.pull(name);
  await drive.open();
  assert.equal((await drive.drive.status()).health === 'good', false);
  assert.ok((await drive.volume.stat(['file.txt'])) !== undefined);
  await assert.rejects(drive.volume.makeFolder(['x'], {}), withCode('READ_ONLY'));
  for (const name of names) await drive.plug(name);
  await drive.until('changes are taken again', () =>
    drive.volume.makeFolder(['y'], {}).then(
      () => true,
      () => false,
    ),
  );
  assert.equal((await drive.get('file.txt')).toString(), 'content');
});

for (const [what, spoil] of [
  ['lost', (index: string) => unlink(index)],
  ['empty', (index: string) => writeFile(index, '')],
  ['garbage', (index: string) => writeFile(index, randomBytes(100_000))],
  ['cut short', (index: string) => truncate(index, 20_000)],
] as const) {
  test(`an index that is ${what} is rebuilt from the nodes when the drive is opened`, async (t) => {
    const drive = await (await TestDrive.create(t)).open();
    const bytes = randomBytes(2 * MiB);
    await drive.put('file.bin', bytes);
    await drive.close();
    await spoil(join(drive.directory, 'index.db'));
    await drive.open();
    assert.ok((await drive.get('file.bin')).equals(bytes));
    assert.ok(drive.events.some((event) => event.message.includes('rebuilt')));
  });
}

test('the index of another volume is never served', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  await drive.put('mine.txt', 'mine');
  await drive.close();
  const other = await (await TestDrive.create(t)).open();
  await other.put('theirs.txt', 'theirs');
  await other.close();
  await copyFile(join(other.directory, 'index.db'), join(drive.directory, 'index.db'));
  await drive.open();
  assert.equal((await getFile(drive.volume, 'mine.txt')).toString(), 'mine');
  assert.equal(await drive.volume.stat(['theirs.txt']), undefined);
});

test('an index that is lost is not rebuilt from a minority', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  await drive.put('file.txt', 'content');
  await drive.close();
  await unlink(join(drive.directory, 'index.db'));
  await drive.pull('a');
  await drive.pull('b');
  await assert.rejects(drive.open(), withCode('READ_ONLY'));
  await drive.plug('a');
  await drive.plug('b');
  await drive.open();
  assert.equal((await drive.get('file.txt')).toString(), 'content');
});

test('everything refuses after close, and closing twice is fine', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  const { drive: closed } = drive;
  await drive.close();
  await closed.close();
  await assert.rejects(closed.status(), withCode('CLOSED'));
  await assert.rejects(closed.volume.stat([]), withCode('CLOSED'));
  await assert.rejects(closed.volume.makeFolder(['x'], {}), withCode('CLOSED'));
});
