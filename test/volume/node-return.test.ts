/** Nodes that come back: their journal is compared with the history and goes on in new files, or they are refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestVolume, until } from './volume-fixture.js';

test('a node that missed changes gets them in new files and is current again', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.makeFolder('one');
  await volume.takeAway('a');
  const files = volume.store('a').names('journal');
  const lengthOf = (name: string) => volume.store('a').bytesOf('journal', name).length;
  const lengths = files.map(lengthOf);
  await volume.makeFolder('two');
  await volume.makeFolder('three');
  assert.equal(await volume.bringBack('a'), 'current');
  assert.deepEqual(files.map(lengthOf), lengths);
  await volume.makeFolder('four');
  await until(() => volume.journal('a').at(-1)!.hash === volume.meta.reader.tip()!.hash);
});

test('a follower whose first write into a new file failed gets the batch again', async (t) => {
  const volume = await TestVolume.create(t);
  const [follower] = volume.followers;
  assert.equal(await volume.bringBack(follower!), 'current');
  volume.store(follower!).plan({ operation: 'write', effect: 'torn', name: '.journal' });
  await volume.makeFolder('one');
  await until(() => volume.told.followersLost.length > 0);
  assert.equal(await volume.bringBack(follower!), 'current');
  assert.equal(volume.journal(follower!).at(-1)!.hash, volume.meta.reader.tip()!.hash);
});

test('what stands behind a failed fsync is written again, though it can be read', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.makeFolder('one');
  const [member] = volume.members;
  const doubtful = volume.lastJournalFile(member!);
  volume.store(member!).plan({ operation: 'sync', effect: 'NODE_IO', name: '.journal' });
  await volume.makeFolder('two');
  const { hash } = volume.meta.reader.batches(volume.meta.reader.tip()!.sequence - 3, 1)[0]!;
  assert.equal(await volume.bringBack(member!), 'current');
  volume.store(member!).lose('journal', doubtful);
  assert.ok(
    volume.journal(member!).some((batch) => batch.hash === hash),
    'the batch stands in a file that was synced',
  );
});
