import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeftoverSealer } from '../../src/maintenance/healing/leftover-sealer.js';
import { PlaceFinder } from '../../src/maintenance/healing/place-finder.js';
import { SealHasher } from '../../src/maintenance/healing/seal-hasher.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import { fileBytes, sha256 } from '../store/store-fixture.js';
import { type HostFixture, openHost } from './host-fixture.js';

const files = [0, 1].map((seed) => ({ name: `file-${seed}`, bytes: 300_000, seed }));
const { signal } = new AbortController();

/** As after a crash: the journal names the segment and its nodes, and the index knows no place in it. */
async function forgetPlaces(host: HostFixture): Promise<string> {
  const segment = await host.save(...files);
  const nodes = host.reader.segment(segment)!.replicas.map(({ node }) => node);
  await host.operations({ o: 'retire', segment }, { o: 'data', segments: [{ id: segment, nodes }] });
  assert.equal(host.reader.chunksWithoutPlace(10).length, 2);
  return segment;
}

test('places that the index does not know are found in the segments, from the first copy that can be read', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await forgetPlaces(host);
  host.all[0]!.store.damage('segments', segmentFileName(segment), 70); // The first record's head.
  assert.equal(await new PlaceFinder(host).step(signal), 'worked');
  assert.deepEqual(host.reader.chunksWithoutPlace(10), []);
  assert.equal(host.reader.segmentChunks(segment, -1, 10).length, 2);
});

test('while the nodes with unknown places are away nothing is sealed; when one is back they are found, then it is', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await forgetPlaces(host);
  for (const node of host.all) node.leave(host.clock.now());
  const finder = new PlaceFinder(host);
  let told = 0;
  const sealer = new LeftoverSealer(host, () => {
    told += 1;
  });
  await finder.step(signal);
  assert.equal(await sealer.step(), 'idle');
  assert.equal(told, 0);
  assert.equal(host.reader.segment(segment)!.state, 'open');
  host.all[1]!.state = 'online';
  assert.equal(await finder.step(signal), 'idle', 'not again and again');
  finder.lookAgain();
  await finder.step(signal);
  assert.equal(await sealer.step(), 'worked');
  const { state, lengthBytes, hash } = host.reader.segment(segment)!;
  const last = host.reader.segmentChunks(segment, -1, 10).at(-1)!;
  assert.deepEqual([state, lengthBytes, hash], ['sealed', last.offset + last.recordBytes, null]);
  assert.equal(told, 1, 'there is a seal without a hash');
  assert.equal(await sealer.step(), 'idle');
});

test('a segment opened after the start is never sealed as a leftover', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const sealer = new LeftoverSealer(host, () => undefined);
  const segment = await forgetPlaces(host);
  await new PlaceFinder(host).step(signal);
  assert.equal(await sealer.step(), 'idle');
  assert.equal(host.reader.segment(segment)!.state, 'open');
  await new LeftoverSealer(host, () => undefined).step(); // So that the check finds nothing.
});

async function sealWithoutHash(host: HostFixture): Promise<string> {
  const segment = await forgetPlaces(host);
  await new PlaceFinder(host).step(signal);
  await new LeftoverSealer(host, () => undefined).step();
  return segment;
}

test('each copy of a segment without a hash is verified, bad ones are noted, and the hash is journaled', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await sealWithoutHash(host);
  host.all[0]!.store.damage('segments', segmentFileName(segment), 100_000);
  let bad = 0;
  const hasher = new SealHasher(host, () => {
    bad += 1;
  });
  while ((await hasher.step(signal)) === 'worked');
  await hasher.close();
  const { lengthBytes, hash } = host.reader.segment(segment)!;
  assert.equal(hash, sha256(fileBytes(host.all[1]!, segment).subarray(0, lengthBytes)));
  assert.deepEqual(host.states(segment), ['a damaged', 'b good']);
  assert.equal(bad, 1);
});

test('no hash is journaled before every copy could be read', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await sealWithoutHash(host);
  const hasher = new SealHasher(host, () => undefined);
  host.all[0]!.leave(host.clock.now());
  while ((await hasher.step(signal)) === 'worked');
  assert.equal(host.reader.segment(segment)!.hash, null);
  host.all[0]!.state = 'online';
  await host.clock.advance(31_000);
  while ((await hasher.step(signal)) === 'worked');
  await hasher.close();
  assert.notEqual(host.reader.segment(segment)!.hash, null);
});

test('what a hasher that has just looked is told of is read at once', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const hasher = new SealHasher(host, () => undefined);
  assert.equal(await hasher.step(signal), 'idle');
  const segment = await sealWithoutHash(host);
  assert.equal(await hasher.step(signal), 'idle', 'it has looked a moment ago');
  hasher.lookAgain();
  while ((await hasher.step(signal)) === 'worked');
  await hasher.close();
  assert.notEqual(host.reader.segment(segment)!.hash, null);
});
