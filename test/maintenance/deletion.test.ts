import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attic } from '../../src/maintenance/deletion/attic.js';
import { atticReasons, formatAtticName, parseAtticName } from '../../src/maintenance/deletion/attic-name.js';
import { AtticWorker } from '../../src/maintenance/deletion/attic-worker.js';
import { DeletionGate, freelyMovedBytes } from '../../src/maintenance/deletion/deletion-gate.js';
import { ListingCheck, unknownMs } from '../../src/maintenance/deletion/listing-check.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import { firstEpoch, MiB } from '../store/store-fixture.js';
import { type HostFixture, type HostNode, openHost } from './host-fixture.js';

const files = [0, 1].map((seed) => ({ name: `file-${seed}`, bytes: 300_000, seed }));

/** A copy of the segment on a node that the index does not place it on. */
async function plant(host: HostFixture, segment: string, node: HostNode): Promise<void> {
  const [holder] = host.holders(segment);
  await node.store.put('segments', segmentFileName(segment), [
    holder!.store.bytesOf('segments', segmentFileName(segment)),
  ]);
}

const outsider = (host: HostFixture, segment: string) =>
  host.all.find((node) => !host.holders(segment).includes(node))!;

const gateOf = (host: HostFixture) => new DeletionGate(host, new Attic(host));

async function removeFrom(host: HostFixture, node: HostNode, segment: string) {
  const listing = await node.store.list('segments');
  const wanted = listing.filter((file) => file.name === segmentFileName(segment));
  return gateOf(host).removeSegments({ node, files: wanted });
}

test('names in the attic say what a file was and when it came', () => {
  for (const reason of [...atticReasons, null]) {
    const name = { time: 1_700_000_000_000, folder: 'segments', reason, name: 'abc.seg' } as const;
    assert.deepEqual(parseAtticName(formatAtticName(name)), name);
  }
  assert.equal(parseAtticName('something else'), undefined);
});

test('a superfluous copy goes to the attic only when enough others verify now', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(...files);
  const extra = outsider(host, segment);
  await plant(host, segment, extra);
  const [bad] = host.holders(segment).filter((node) => node !== extra);
  bad!.store.damage('segments', segmentFileName(segment), 100_000);
  const refused = await removeFrom(host, extra, segment);
  assert.deepEqual([refused.moved, refused.refused.length, refused.postponed], [[], 1, 0]);
  assert.ok(host.states(segment).includes(`${bad!.label.slice(-1)} damaged`), 'what was found bad is noted');
  bad!.store.damage('segments', segmentFileName(segment), 100_000);
  assert.deepEqual((await removeFrom(host, extra, segment)).moved, [segment]);
  assert.deepEqual(extra.store.names('segments'), []);
  assert.equal(extra.store.names('attic').length, 1);
});

test('a copy on a node that cannot be reached does not count as verified', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(...files);
  const extra = outsider(host, segment);
  await plant(host, segment, extra);
  const [away] = host.holders(segment).filter((node) => node !== extra);
  away!.leave(host.clock.now());
  assert.deepEqual((await removeFrom(host, extra, segment)).moved, []);
  away!.state = 'online';
  away!.store.plan({ operation: 'read', effect: 'NODE_GONE' });
  assert.deepEqual((await removeFrom(host, extra, segment)).moved, []);
});

test('the gate keeps what the index places there, what is in use, what is of another history, and all when a place is not known', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(...files);
  const [holder] = host.holders(segment);
  const reasons = async (id: string) => (await removeFrom(host, holder!, id)).refused.map(({ reason }) => reason);
  assert.match((await reasons(segment))[0]!, /places it on this node/);
  const unknown = `${firstEpoch}-00000fff`;
  const foreign = `${'d'.repeat(16)}-00000001`;
  for (const id of [unknown, foreign]) await holder!.store.put('segments', segmentFileName(id), [Buffer.from('x')]);
  assert.match((await reasons(foreign))[0]!, /not of this history/);
  host.segments.pin(unknown);
  assert.match((await reasons(unknown))[0]!, /being written/);
  host.segments.unpin(unknown);
  const release = host.occupy(unknown)!;
  assert.match((await reasons(unknown))[0]!, /worker/);
  release();
  await host.operations({ o: 'retire', segment });
  assert.match((await reasons(unknown))[0]!, /place of a living chunk/);
  const lost = host.reader.chunksWithoutPlace(10);
  assert.equal(lost.length, 2);
  await host.remove('file-0', 'file-1');
  assert.deepEqual((await removeFrom(host, holder!, unknown)).moved, [unknown]);
});

test('one run moves a share of a node at most; the rest follows later and is told once', async (t) => {
  const host = await openHost(t, { letters: 'a', replicas: 1, safety: { gateShare: 0.5 } });
  const [node] = host.all;
  const listing = Array.from({ length: 4 }, (_, index) => {
    return { name: segmentFileName(`${firstEpoch}-0000010${index}`), sizeBytes: freelyMovedBytes };
  });
  for (const { name } of listing) await node!.store.put('segments', name, [Buffer.from('x')]);
  node!.store.list = async (folder) => {
    const names = node!.store.names(folder);
    return folder === 'segments' ? listing.filter(({ name }) => names.includes(name)) : [];
  };
  const check = new ListingCheck(host, gateOf(host));
  check.noteRetired(listing.map(({ name }) => name.slice(0, -4)));
  assert.deepEqual(await check.clearUnreferred(node!), { adopted: 0, removed: 2, postponed: 2 });
  assert.deepEqual(await check.clearUnreferred(node!), { adopted: 0, removed: 1, postponed: 1 });
  assert.deepEqual(await check.clearUnreferred(node!), { adopted: 0, removed: 1, postponed: 0 });
  assert.equal(host.reports.filter((report) => report.startsWith('warning')).length, 1);
});

test('a listing that fails concludes nothing', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(...files);
  const [holder] = host.holders(segment);
  const check = new ListingCheck(host, gateOf(host));
  holder!.store.plan({ operation: 'list', effect: 'NODE_GONE' }, { operation: 'list', effect: 'NODE_GONE' });
  await assert.rejects(check.findBadCopies(holder!), { code: 'NODE_GONE' });
  await assert.rejects(check.clearUnreferred(holder!), { code: 'NODE_GONE' });
  assert.deepEqual(new Set(host.states(segment).map((state) => state.slice(2))), new Set(['good']));
});

test('missing and short copies are found; a listing older than a copy accuses nobody', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const [first, second, third] = [
    await host.save(files[0]!),
    await host.save(files[1]!),
    await host.save({ name: 'c', bytes: 10, seed: 3 }),
  ];
  const [a] = host.all;
  a!.store.lose('segments', segmentFileName(first));
  a!.store.shorten('segments', segmentFileName(second), 1_000);
  const check = new ListingCheck(host, gateOf(host));
  const list = a!.store.list.bind(a!.store);
  a!.store.list = async (folder) => (await list(folder)).filter(({ name }) => name !== segmentFileName(third));
  assert.deepEqual(await check.findBadCopies(a!), { missing: 1, short: 1 });
  assert.deepEqual(host.states(first), ['a missing', 'b good']);
  assert.deepEqual(host.states(second), ['a short', 'b good']);
  assert.deepEqual(host.states(third), ['a good', 'b good']);
});

test('what lies behind a seal is cut, but not while the place of a living chunk is not known', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(files[0]!);
  const other = await host.save(files[1]!);
  const [a] = host.all;
  const name = segmentFileName(segment);
  const whole = Buffer.from(a!.store.bytesOf('segments', name));
  await a!.store.put('segments', name, [whole, Buffer.alloc(5_000)]);
  await host.operations({ o: 'retire', segment: other });
  const check = new ListingCheck(host, gateOf(host));
  await check.findBadCopies(a!);
  assert.equal(a!.store.bytesOf('segments', name).length, whole.length + 5_000);
  await host.remove('file-1');
  await check.findBadCopies(a!);
  assert.ok(a!.store.bytesOf('segments', name).equals(whole));
});

test('a file that the index does not know must be seen twice; a retired one goes at once', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const [a] = host.all;
  const unknown = `${firstEpoch}-00000fff`;
  await a!.store.put('segments', segmentFileName(unknown), [Buffer.from('x')]);
  const segment = await host.save(...files);
  await host.remove('file-0', 'file-1');
  await host.submit({ kind: 'retire', principal: '', now: 1, segments: [segment], pinned: [] });
  const check = new ListingCheck(host, gateOf(host));
  check.noteRetired([segment]);
  assert.equal((await check.clearUnreferred(a!)).removed, 1);
  assert.deepEqual(a!.store.names('segments'), [segmentFileName(unknown)]);
  await host.clock.advance(unknownMs);
  assert.equal((await check.clearUnreferred(a!)).removed, 1);
  assert.deepEqual(a!.store.names('segments'), []);
});

test('a copy that was given up counts again when the segment lacks copies, but only when it verifies', async (t) => {
  const host = await openHost(t, { letters: 'abc', safety: { healGraceMs: 0 } });
  const segment = await host.save(...files);
  const back = outsider(host, segment);
  await plant(host, segment, back);
  for (const node of host.holders(segment)) if (node !== back) node.leave(host.clock.now());
  const check = new ListingCheck(host, gateOf(host));
  back.store.damage('segments', segmentFileName(segment), 70_000);
  assert.deepEqual(await check.clearUnreferred(back), { adopted: 0, removed: 0, postponed: 0 });
  back.store.damage('segments', segmentFileName(segment), 70_000);
  assert.deepEqual(await check.clearUnreferred(back), { adopted: 1, removed: 0, postponed: 0 });
  assert.ok(host.states(segment).includes(`${back.label.slice(-1)} good`));
});

test('the attic is emptied of what waited long enough, or of the oldest when room is short', async (t) => {
  const host = await openHost(t, { letters: 'a' });
  const [node] = host.all;
  const attic = new Attic(host);
  const waiting = async (time: number, name: string) =>
    node!.store.put('attic', formatAtticName({ time, folder: 'segments', reason: 'unreferred', name }), [
      Buffer.alloc(1_000),
    ]);
  const now = host.clock.now();
  await waiting(now - 61_000, 'old.seg');
  await waiting(now - 2_000, 'younger.seg');
  await waiting(now - 1_000, 'youngest.seg');
  assert.equal(await attic.empty(node!, 0), 1_000);
  assert.equal(attic.bytes(node!.id), 2_000);
  const worker = new AtticWorker(host, attic);
  node!.space = { totalBytes: 64 * MiB, freeBytes: 64 * MiB, freeInodes: 1_000 };
  await worker.step();
  assert.equal(node!.store.names('attic').length, 2);
  const { segmentBytes, reserveBytes } = host.segments.limits();
  node!.space = { totalBytes: 64 * MiB, freeBytes: reserveBytes + 4 * segmentBytes - 1, freeInodes: 1_000 };
  await worker.step();
  assert.deepEqual(
    node!.store.names('attic').map((name) => parseAtticName(name)?.name),
    ['youngest.seg'],
  );
  assert.equal(await worker.emptyAll(), 1_000);
  assert.equal(attic.bytes(node!.id), 0);
});
