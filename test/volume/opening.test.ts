/** Opening a volume after crashes: what the nodes and the index hold decides, and nothing acknowledged is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import { withCode } from '../suites/index-driver.js';
import { hangs, TestVolume } from './volume-fixture.js';

const content = 'x'.repeat(300_000);

test('an index that is behind is replayed, with places, properties and duplicates', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.keepStaleIndex();
  await volume.makeFolder('folder');
  await volume.put('first', content);
  await volume.put('second', content);
  await volume.crash();
  await volume.returnToStaleIndex();
  await volume.reopen();
  assert.deepEqual(volume.root(), ['first', 'folder', 'second']);
  assert.equal(await volume.get('second'), content);
  await volume.check();
});

test('an index that is behind is not opened for reading only: older contents are not served for the newest', async (t) => {
  const volume = await TestVolume.create(t, { isChecked: false });
  await volume.makeFolder('old');
  await volume.keepStaleIndex();
  await volume.makeFolder('new');
  const { members } = volume;
  await volume.crash();
  volume.refusal = new DriveError('UNAVAILABLE', { message: 'the index cannot be written' });
  await volume.reopen();
  assert.deepEqual(volume.root(), ['new', 'old'], 'with all there is it is');
  await volume.crash();
  await volume.returnToStaleIndex();
  await assert.rejects(volume.reopen(), withCode('UNAVAILABLE'), 'the nodes hold more');
  const others = [...volume.stores.keys()].filter((letter) => !members.includes(letter)).join('');
  await volume.reopen(others);
  assert.deepEqual(volume.root(), ['old'], 'nothing that is there tells of more');
  await volume.crash();
  volume.newestKnown = 1_000;
  await assert.rejects(volume.reopen(others), withCode('UNAVAILABLE'), 'the process knows of more');
});

test('a copy of an open segment that ends early does not hide what the other copies hold', async (t) => {
  for (const letter of ['a', 'b', 'c']) {
    const volume = await TestVolume.create(t);
    await volume.keepStaleIndex();
    await volume.put('first', 'x'.repeat(1_000));
    await volume.put('second', 'y'.repeat(1_000));
    await volume.crash();
    const store = volume.store(letter);
    const [segment] = await store.list('segments');
    if (segment) store.shorten('segments', segment.name, segment.sizeBytes - 1_088);
    await volume.returnToStaleIndex();
    await volume.reopen();
    assert.equal(await volume.get('second'), 'y'.repeat(1_000), letter);
    await volume.close();
  }
});

test('the last batch is kept when its only chunk is one that an earlier batch brought', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.put('first', content);
  await volume.change({ kind: 'delete', path: ['first'] });
  await volume.keepStaleIndex();
  await volume.put('second', content);
  await volume.crash();
  await volume.returnToStaleIndex();
  await volume.reopen();
  assert.deepEqual(volume.root(), ['second']);
  assert.equal(await volume.get('second'), content);
});

test('an index that is ahead of every present journal is a witness', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.makeFolder('one');
  await volume.crash();
  const members = volume.members;
  for (const letter of volume.stores.keys()) {
    const name = volume.lastJournalFile(letter);
    const batches = volume.journal(letter);
    if (batches.at(-1)!.isEpoch) continue;
    volume
      .store(letter)
      .shorten('journal', name, volume.store(letter).bytesOf('journal', name).length - batches.at(-1)!.bytes.length);
  }
  await volume.reopen(members);
  assert.deepEqual(volume.root(), ['one']);
});

test('a batch that only one member has, and that was never answered, is accepted', async (t) => {
  const volume = await TestVolume.create(t);
  const [first, second] = volume.members;
  volume.store(second!).plan({ operation: 'write', effect: 'hang', name: '.journal' });
  const hung = hangs(volume.store(second!));
  volume.makeFolder('one').catch(() => undefined);
  await hung;
  await volume.crash();
  await volume.reopen(first);
  assert.deepEqual(volume.root(), ['one']);
  await volume.close();
  await volume.reopen();
  assert.deepEqual(volume.engine.history.forked, []);
  assert.deepEqual(volume.root(), ['one']);
});

test('a batch that only an absent member has is gone, and its node is current again', async (t) => {
  const volume = await TestVolume.create(t);
  const [first, second] = volume.members;
  volume.store(second!).plan({ operation: 'write', effect: 'hang', name: '.journal' });
  const hung = hangs(volume.store(second!));
  volume.makeFolder('one').catch(() => undefined);
  await hung;
  await volume.crash();
  await volume.reopen(second);
  assert.deepEqual(volume.root(), []);
  await volume.makeFolder('two');
  assert.equal(await volume.bringBack(first!), 'current');
  await volume.close();
  await volume.reopen();
  assert.deepEqual(volume.root(), ['two']);
  assert.deepEqual(volume.engine.history.forked, []);
});

test('the write set moves on while a member is away: the member alone can only be read', async (t) => {
  const volume = await TestVolume.create(t, { isChecked: false });
  const [away] = volume.members;
  await volume.takeAway(away!);
  await volume.makeFolder('one');
  await volume.crash();
  await assert.rejects(volume.reopen(away), withCode('READ_ONLY'));
  await volume.reopen();
  assert.deepEqual(volume.root(), ['one']);
  assert.equal(volume.engine.history.forked.length, 0);
});

test('an epoch that reached one of its members is completed or named by the next', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.makeFolder('one');
  await volume.crash();
  volume.plugIn('abc');
  const members = volume.members;
  volume.store(members[1]!).plan({ operation: 'write', effect: 'hang', name: '.journal' });
  const hung = hangs(volume.store(members[1]!));
  const opening = volume.open();
  opening.catch(() => undefined);
  await hung;
  await volume.meta.close();
  for (const store of volume.stores.values()) store.wake();
  await opening.catch(() => undefined);
  for (const present of [members[1]!, 'abc']) {
    await volume.reopen(present);
    assert.deepEqual(volume.root(), ['one']);
    assert.deepEqual(volume.engine.history.forked, []);
    await volume.close();
  }
});

test('a node whose journal cannot be read is behind, not in the way', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.makeFolder('one');
  await volume.close();
  const [member] = volume.members;
  volume.store(member!).plan({ operation: 'read', effect: 'NODE_IO', name: '.journal' });
  await volume.reopen();
  assert.deepEqual(volume.engine.history.behind, [volume.node(member!).id]);
  assert.deepEqual(volume.root(), ['one']);
});

test('a damaged journal of one member is made up for by the other', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.makeFolder('one');
  await volume.keepStaleIndex();
  await volume.makeFolder('two');
  await volume.makeFolder('three');
  await volume.crash();
  const [member, other] = volume.members;
  const name = volume.lastJournalFile(member!);
  const { length } = volume.store(member!).bytesOf('journal', name);
  volume.store(member!).damage('journal', name, length - volume.journal(member!).at(-1)!.bytes.length - 10);
  await volume.returnToStaleIndex();
  await assert.rejects(volume.reopen(member), withCode('READ_ONLY'), 'what follows may be on the other');
  await volume.reopen(`${member}${other}`);
  assert.deepEqual(volume.root(), ['one', 'three', 'two']);
});

test('a node that served alone with an index that was put back is refused, and its files are left', async (t) => {
  const volume = await TestVolume.create(t);
  const [first, second] = volume.members;
  await volume.keepStaleIndex();
  await volume.crash();
  await volume.reopen(first);
  await volume.makeFolder('saved-with-first');
  await volume.crash();
  await volume.returnToStaleIndex();
  await volume.reopen(second);
  await volume.makeFolder('saved-with-second');
  await volume.crash();
  const files = volume.store(first!).names('journal');
  await volume.reopen(`${first}${second}`);
  assert.deepEqual(volume.root(), ['saved-with-second']);
  assert.deepEqual(volume.engine.history.forked, [volume.node(first!).id]);
  assert.equal(volume.node(first!).state, 'foreign');
  assert.deepEqual(volume.store(first!).names('journal'), files);
});
