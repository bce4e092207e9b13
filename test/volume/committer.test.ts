/** The committer over memory nodes that fail as planned: what is acknowledged is durable, whatever fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import { isUntouched } from '../../src/volume/commit/committer.js';
import { withCode } from '../suites/index-driver.js';
import { settles, TestVolume, until } from './volume-fixture.js';

test('a change is in the journal of every member and in the index before it is answered', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.makeFolder('one');
  assert.equal(volume.members.length, 2);
  for (const member of volume.members) {
    assert.equal(volume.journal(member).at(-1)!.sequence, volume.meta.reader.tip()!.sequence);
    const name = volume.lastJournalFile(member);
    const { length } = volume.store(member).bytesOf('journal', name);
    assert.equal(volume.store(member).durableBytesOf('journal', name), length);
  }
  assert.deepEqual(volume.root(), ['one']);
});

test('requests that come together share a batch; refusals are answered with it', async (t) => {
  const volume = await TestVolume.create(t);
  const results = await Promise.allSettled(['x', 'y', 'x'].map((name) => volume.makeFolder(name)));
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'fulfilled', 'rejected'],
  );
  assert.equal(volume.told.batches.length, 1);
});

for (const [what, fault] of [
  ['before a byte of its record is out', { operation: 'write', effect: 'NODE_GONE' }],
  ['while its record is written', { operation: 'write', effect: 'torn' }],
  ['after its record is written', { operation: 'sync', effect: 'NODE_IO' }],
] as const) {
  test(`a member that fails ${what} leaves by a new epoch; the change is acknowledged`, async (t) => {
    const volume = await TestVolume.create(t);
    await volume.makeFolder('before');
    const [leaving, staying] = volume.members as unknown as [string, string];
    const [follower] = volume.followers;
    volume.store(leaving).plan({ ...fault, name: '.journal' });
    await volume.makeFolder('one');
    assert.equal(volume.members, [staying, follower].sort().join(''));
    assert.equal(volume.journal(staying).at(-1)!.isEpoch, true);
    assert.equal(volume.journal(follower!).at(-1)!.hash, volume.meta.reader.tip()!.hash);
    await volume.makeFolder('two');
    await volume.crash();
    await volume.reopen();
    assert.deepEqual(volume.root().slice(-2), ['one', 'two']);
    assert.deepEqual(volume.engine.history.forked, []);
  });
}

test('a new epoch is synced to the index before the change that began it is answered; batches are not', async (t) => {
  const volume = await TestVolume.create(t);
  const { writer } = volume.meta;
  const syncs: (readonly [epoch: string, isFull: boolean])[] = [];
  volume.writerFaults = {
    commit: async (input) => {
      await writer.commit(input);
      if (input.batch) syncs.push([input.batch.epoch, input.full === true]);
    },
  };
  const epoch = volume.meta.reader.tip()!.epoch;
  volume.store(volume.members[0]!).plan({ operation: 'write', effect: 'NODE_GONE', name: '.journal' });
  await volume.makeFolder('one');
  assert.deepEqual(syncs, [
    [epoch, false],
    [volume.meta.reader.tip()!.epoch, true],
  ]);
  assert.notEqual(volume.meta.reader.tip()!.epoch, epoch);
});

test('when every member fails, the followers take the change and the new epoch', async (t) => {
  const volume = await TestVolume.create(t);
  const [follower] = volume.followers;
  for (const member of volume.members)
    volume.store(member).plan({ operation: 'write', effect: 'NODE_GONE', name: '.journal' });
  await volume.makeFolder('one');
  assert.equal(volume.members, follower);
  await volume.crash();
  await volume.reopen(follower);
  assert.deepEqual(volume.root(), ['one']);
});

test('when no disk takes the change it is not acknowledged, and nothing waits for ever', async (t) => {
  const volume = await TestVolume.create(t);
  for (const store of volume.stores.values()) store.plan({ operation: 'write', effect: 'NODE_GONE', name: '.journal' });
  const { committer } = volume.engine;
  const { log } = volume.store(volume.members[0]!);
  log.length = 0;
  const change = volume.makeFolder('one');
  change.catch(() => undefined);
  await until(() => log.some(({ operation }) => operation === 'write'));
  const states = committer.withWriter((writer) => writer.setReplicaStates([]));
  states.catch(() => undefined);
  await assert.rejects(change, withCode('UNAVAILABLE'));
  assert.equal(volume.told.broken.length, 1);
  assert.ok(await settles(states), 'local writes behind the failed batch end');
  await assert.rejects(volume.makeFolder('two'), withCode('UNAVAILABLE'));
  assert.ok(await settles(volume.engine.close()));
});

test('a commit of the index that fails acknowledges nothing; the journal brings the change back', async (t) => {
  const volume = await TestVolume.create(t);
  volume.writerFaults = {
    commit: async () => {
      throw new DriveError('UNAVAILABLE', { message: 'planned' });
    },
  };
  await assert.rejects(volume.makeFolder('one'), withCode('UNAVAILABLE'));
  assert.equal(volume.told.broken.length, 1);
  volume.writerFaults = {};
  await volume.crash();
  await volume.reopen();
  assert.deepEqual(volume.root(), ['one']);
});

/** Goes to the one segment that small chunks share. */
const content = 'x'.repeat(100_000);

/** The nodes that will hold the next chunk, told by writing one like it. */
async function nodesOfNextChunk(volume: TestVolume): Promise<string> {
  await volume.put('probe', content.replace('x', 'p'));
  const [open] = volume.engine.segments.openSegments().filter((segment) => segment.lane === 'small');
  return open!.nodes.map((node) => node[0]).join('');
}

test('a copy that cannot be synced is written again on another node before the answer', async (t) => {
  const volume = await TestVolume.create(t);
  const [failing, staying] = await nodesOfNextChunk(volume);
  volume.store(failing!).plan({ operation: 'sync', effect: 'NODE_IO', name: '-0000' });
  await volume.put('file', content);
  const place = volume.meta.reader.contentChunks(volume.meta.reader.lookup(['file'])!.content!, 0, 1)[0]!;
  const holders = volume.engine.segments.durableNodes(place.place!);
  assert.equal(holders.length, 2);
  assert.ok(!holders.includes(volume.node(failing!).id));
  assert.deepEqual(volume.told.broken, []);
  assert.ok(holders.includes(volume.node(staying!).id));
});

test('data that no node can sync is not acknowledged; what shares its batch is', async (t) => {
  const volume = await TestVolume.create(t);
  const nodes = await nodesOfNextChunk(volume);
  for (const letter of nodes) volume.store(letter).plan({ operation: 'sync', effect: 'NODE_IO', name: '-0000' });
  const folder = volume.makeFolder('folder');
  await assert.rejects(volume.put('file', content), withCode('UNAVAILABLE'));
  await folder;
  assert.deepEqual(volume.root(), ['folder', 'probe']);
  await volume.crash();
  await volume.reopen();
  assert.deepEqual(volume.root(), ['folder', 'probe']);
  assert.deepEqual(volume.engine.history.forked, []);
});

test('after data that its only node could not sync, the node is no fork at the next openings', async (t) => {
  const volume = await TestVolume.create(t, { letters: 'a', replicas: 1 });
  await nodesOfNextChunk(volume);
  volume.store('a').plan({ operation: 'sync', effect: 'NODE_FULL', name: '-0000' });
  await assert.rejects(volume.put('file', content), withCode('UNAVAILABLE'));
  await volume.makeFolder('folder');
  for (let opening = 0; opening < 2; opening += 1) {
    await volume.crash();
    await volume.reopen();
    assert.deepEqual(volume.engine.history.forked, []);
    assert.deepEqual(volume.root(), ['folder', 'probe']);
  }
});

test('a queue that is full refuses', async (t) => {
  const volume = await TestVolume.create(t);
  const changes = await Promise.allSettled(Array.from({ length: 4_100 }, (_, index) => volume.makeFolder(`${index}`)));
  const refused = changes.filter((change) => change.status === 'rejected');
  assert.equal(refused.length, 4);
  for (const change of refused) assert.ok(change.status === 'rejected' && withCode('LIMIT_EXCEEDED')(change.reason));
});

test('closing while busy answers what was submitted and refuses what comes later', async (t) => {
  const volume = await TestVolume.create(t, { isChecked: false });
  const early = volume.makeFolder('early');
  const closed = volume.engine.close();
  await early;
  await closed;
  await assert.rejects(volume.makeFolder('late'), withCode('CLOSED'));
});

test('a change that no batch began with says so: it may be submitted again', async (t) => {
  const volume = await TestVolume.create(t, { isChecked: false });
  for (const store of volume.stores.values()) store.plan({ operation: 'write', effect: 'NODE_GONE', name: '.journal' });
  const { log } = volume.store(volume.members[0]!);
  log.length = 0;
  const begun = volume.makeFolder('one').catch((error: unknown) => error);
  await until(() => log.some(({ operation }) => operation === 'write'));
  const waiting = volume.makeFolder('two').catch((error: unknown) => error);
  assert.equal(isUntouched(await begun), false);
  assert.equal(isUntouched(await waiting), true);
  assert.equal(isUntouched(await volume.makeFolder('three').catch((error: unknown) => error)), true);
});
