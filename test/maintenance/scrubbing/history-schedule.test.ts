/** When journals and checkpoints are read: after each start, then again after half of the period; clients go first. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError } from '../../../src/core/errors.js';
import { HistoryScrubber } from '../../../src/maintenance/scrubbing/history-scrubber.js';
import { encodeCheckpoint } from '../../../src/meta/checkpoint-file.js';
import { formatCheckpointName } from '../../../src/segment/checkpoint-name.js';
import { encodeBatch, genesisHash } from '../../../src/segment/journal-batch.js';
import { formatJournalFileName } from '../../../src/segment/journal-file-name.js';
import { firstEpoch } from '../../store/store-fixture.js';
import { type HostFixture, openHost, runUntilIdle } from '../host-fixture.js';

const dayMs = 24 * 3_600_000;

function scrubberOf(host: HostFixture, bytesPerSecond = 1e9, renewCheckpoint = async () => false): HistoryScrubber {
  return new HistoryScrubber(host, {
    bytesPerSecond: () => bytesPerSecond,
    renewCheckpoint,
    renewHashList: async () => false,
  });
}

/** Labels of the nodes that it reads until it is idle. */
async function run(host: HostFixture, scrubber: HistoryScrubber): Promise<string[]> {
  for (const { store } of host.all) store.log.length = 0;
  await runUntilIdle(host, scrubber);
  return host.all.filter(({ store }) => store.log.length > 0).map(({ label }) => label);
}

/** Two batches: what stands before the second one can be told from another node. */
async function journalOn(host: HostFixture, letter: string, epoch = firstEpoch): Promise<string> {
  const rest = { writer: 'f'.repeat(16), epoch, operations: Buffer.alloc(3_000, 'o') };
  const first = encodeBatch({ ...rest, sequence: 1, previousSequence: 0, previousHash: genesisHash, isEpoch: true });
  const link = { sequence: 2, previousSequence: 1, previousHash: first.hash };
  const second = encodeBatch({ ...rest, ...link, isEpoch: false });
  const name = formatJournalFileName({ firstSequence: 1, epoch, writer: letter.repeat(16) });
  await host.node(letter.repeat(16)).store.put('journal', name, [first.bytes, second.bytes]);
  return name;
}

test('all nodes are read a while after the start, and again after half of the period', async (t) => {
  const host = await openHost(t);
  const scrubber = scrubberOf(host);
  assert.deepEqual(await run(host, scrubber), [], 'not beside an opening');
  await host.clock.advance(host.safety.indexReadDelayMs);
  assert.deepEqual(await run(host, scrubber), ['node a', 'node b', 'node c']);
  assert.deepEqual(await run(host, scrubber), [], 'nothing is due');
  await host.clock.advance(16 * dayMs);
  host.node('b'.repeat(16)).leave(host.clock.now());
  assert.deepEqual(await run(host, scrubber), ['node a', 'node c']);
  host.node('b'.repeat(16)).state = 'online';
  assert.deepEqual(await run(host, scrubber), ['node b'], 'the one that was away is read when it is back');
});

test('a node that cannot be read now holds up no other, and is tried again', async (t) => {
  const host = await openHost(t);
  const scrubber = scrubberOf(host);
  await host.clock.advance(host.safety.indexReadDelayMs);
  host.node('a'.repeat(16)).store.plan({ operation: 'list', effect: 'NODE_IO' });
  assert.deepEqual(await run(host, scrubber), ['node a', 'node b', 'node c']);
  assert.equal(scrubber.proofOf('a'.repeat(16)).proven, null);
  assert.match(scrubber.proofOf('a'.repeat(16)).problem ?? '', /cannot be read whole/);
  assert.match(host.reports.join('\n'), /bad copy on node a: its journal .* cannot be read whole.*system log/);
  assert.deepEqual(await run(host, scrubber), []);
  await host.clock.advance(600_000);
  assert.deepEqual(await run(host, scrubber), ['node a']);
  assert.notEqual(scrubber.proofOf('a'.repeat(16)).proven, null);
  assert.equal(scrubber.proofOf('a'.repeat(16)).problem, null);
});

// Of an older epoch: a node that follows slowly is still writing it.
for (const [which, epoch] of Object.entries({ newest: firstEpoch, older: 'd'.repeat(16) }))
  test(`a file of the ${which} epoch that may still be written to is not replaced: it stays named, and is tried again`, async (t) => {
    const host = await openHost(t);
    const name = await journalOn(host, 'a', epoch);
    await journalOn(host, 'b', epoch);
    const { store, id } = host.node('a'.repeat(16));
    store.damage('journal', name, 500);
    const rotten = Buffer.from(store.bytesOf('journal', name));
    const scrubber = scrubberOf(host);
    await host.clock.advance(host.safety.indexReadDelayMs);
    await run(host, scrubber);
    assert.match(scrubber.proofOf(id).problem ?? '', /could not be made again yet/);
    assert.match(host.reports.join('\n'), /no node takes one: keep the directory of the volume/);
    assert.deepEqual(store.bytesOf('journal', name), rotten, 'the journals could not go on in new files');
    await host.clock.advance(600_000);
    assert.deepEqual(await run(host, scrubber), ['node a']);
  });

test('what no checkpoint mends is tried again ever more seldom, and none is written for it within a day', async (t) => {
  const host = await openHost(t);
  const a = host.node('a'.repeat(16));
  await host.withWriter((writer) => writer.setJournaled(a.id, 1_000));
  let renewals = 0;
  const renew = async () => {
    renewals += 1;
    return true;
  };
  const scrubber = scrubberOf(host, 1e9, renew);
  await host.clock.advance(host.safety.indexReadDelayMs);
  let readings = 0;
  for (let tenMinutes = 0; tenMinutes < 3 * 144; tenMinutes += 1) {
    readings += Number((await run(host, scrubber)).includes(a.label));
    await host.clock.advance(600_000);
  }
  assert.ok(renewals >= 1 && renewals <= 3, `${renewals} checkpoints in three days`);
  assert.ok(readings >= 6 && readings <= 11, `${readings} readings in three days`);
  assert.match(scrubber.proofOf(a.id).problem ?? '', /could not be made again yet/);
  assert.notEqual(scrubber.proofOf('c'.repeat(16)).proven, null);
});

test('a checkpoint that fails holds up no other node, and is told once', async (t) => {
  const host = await openHost(t);
  const a = host.node('a'.repeat(16));
  const name = await journalOn(host, 'a');
  a.store.damage('journal', name, 500);
  await a.store.put('checkpoints', '0000000000000009-eeeeeeeeeeeeeeee.checkpoint', [Buffer.from('rotten')]);
  const scrubber = scrubberOf(host, 1e9, async () => {
    throw new DriveError('CORRUPT', { message: 'the checkpoint is not whole' });
  });
  await host.clock.advance(host.safety.indexReadDelayMs);
  for (let turns = 0; turns < 3; turns += 1) {
    await run(host, scrubber);
    await host.clock.advance(dayMs / 2);
  }
  assert.equal(host.reports.filter((report) => /checkpoint 0+9-\S+ does not verify/.test(report)).length, 1);
  assert.notEqual(scrubber.proofOf('b'.repeat(16)).proven, null);
  assert.notEqual(scrubber.proofOf('c'.repeat(16)).proven, null);
});

test('an index that does not add up stands in for nothing', async (t) => {
  const host = await openHost(t);
  host.addsUp = async () => false;
  await host.withWriter((writer) => writer.setJournaled('a'.repeat(16), 1_000));
  const scrubber = scrubberOf(host, 1e9, async () => assert.fail('a checkpoint was written'));
  await host.clock.advance(host.safety.indexReadDelayMs);
  await run(host, scrubber);
  assert.match(host.reports.join('\n'), /node a: no other node holds what its journal lacks; the index/);
});

test('a checkpoint of another volume is no source', async (t) => {
  const host = await openHost(t);
  const name = formatCheckpointName({ sequence: 9, epoch: firstEpoch });
  const header = { sequence: 9, epoch: firstEpoch, hash: 'c'.repeat(64), time: 1 };
  const pieces: Buffer[] = [];
  const nothing = (async function* (): AsyncGenerator<Buffer> {})();
  for await (const piece of encodeCheckpoint({ ...header, volume: 'f'.repeat(16) }, nothing)) pieces.push(piece);
  await host.node('b'.repeat(16)).store.put('checkpoints', name, pieces);
  const { store } = host.node('a'.repeat(16));
  await store.put('checkpoints', name, [Buffer.from('rotten')]);
  const scrubber = scrubberOf(host);
  await host.clock.advance(host.safety.indexReadDelayMs);
  await run(host, scrubber);
  assert.equal(store.bytesOf('checkpoints', name).toString(), 'rotten');
});

test('it reads no faster than it is told', async (t) => {
  const host = await openHost(t, { letters: 'a', replicas: 1 });
  await journalOn(host, 'a');
  const scrubber = scrubberOf(host, 1_000);
  await host.clock.advance(host.safety.indexReadDelayMs);
  const started = host.clock.monotonic();
  await run(host, scrubber);
  assert.ok(host.clock.monotonic() - started >= 3_000);
});
