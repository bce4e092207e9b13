/** Mistakes of collectors, of listings and of the index, planted through the seams: nothing acknowledged is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attic } from '../../../src/maintenance/deletion/attic.js';
import { AtticRestorer } from '../../../src/maintenance/deletion/attic-restorer.js';
import { DeletionGate } from '../../../src/maintenance/deletion/deletion-gate.js';
import { ListingCheck, unknownMs } from '../../../src/maintenance/deletion/listing-check.js';
import { Healer } from '../../../src/maintenance/healing/healer.js';
import { contentChecksum } from '../../../src/meta/content-checksum.js';
import type { StoredFile } from '../../../src/node/node-store.js';
import { formatJournalFileName } from '../../../src/segment/journal-file-name.js';
import { segmentFileName } from '../../../src/segment/segment-id.js';
import { chunkOf, firstEpoch } from '../../store/store-fixture.js';
import { type HostFixture, type HostNode, openHost } from '../host-fixture.js';

const files = [0, 1, 2].map((seed) => ({ name: `file-${seed}`, bytes: 300_000, seed }));

function parts(host: HostFixture) {
  const attic = new Attic(host);
  const gate = new DeletionGate(host, attic);
  return { attic, gate, listings: new ListingCheck(host, gate), restorer: new AtticRestorer(host, attic) };
}

/** Every file that was saved is read back, byte by byte. */
async function assertAllReadable(host: HostFixture, saved: typeof files = files): Promise<void> {
  for (const { name, bytes, seed } of saved) {
    const entry = host.reader.lookup([name]);
    assert.ok(entry, name);
    for (const { place, replicas } of host.reader.contentChunks(entry.content!, 0, 10)) {
      assert.ok(place, `${name} has a place`);
      const nodes = replicas.map(({ node }) => node);
      const plain = await host.readChunk({ place, nodes }, new AbortController().signal);
      assert.ok(plain.equals(chunkOf(bytes, seed).plain), name);
    }
  }
}

/** All listings as often as it takes for a file that is not known to be believed. */
async function compareAll(host: HostFixture, listings: ListingCheck): Promise<void> {
  for (let round = 0; round < 2; round += 1) {
    for (const node of host.all) {
      await listings.findBadCopies(node).catch(() => undefined);
      await listings.clearUnreferred(node).catch(() => undefined);
    }
    await host.clock.advance(unknownMs);
  }
}

async function healAll(host: HostFixture): Promise<void> {
  const healer = new Healer(host);
  const signal = new AbortController().signal;
  while ((await healer.step(signal)) === 'worked');
}

/** A bug that bypasses the gate: the files of a segment in the attic of every node. */
async function sweepAway(host: HostFixture, attic: Attic, segment: string): Promise<void> {
  for (const node of host.holders(segment)) {
    const file = (await node.store.list('segments')).find(({ name }) => name === segmentFileName(segment))!;
    await attic.take(node, { folder: 'segments', reason: 'unreferred', file });
  }
}

const loud = (host: HostFixture, pattern: RegExp) =>
  assert.match(host.reports.filter((report) => !report.startsWith('info')).join('\n'), pattern);

test('a living segment is retired: no file moves, the refusal is told, and a restore brings the segment back', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(...files);
  const holders = host.holders(segment);
  await host.operations({ o: 'retire', segment });
  const { listings, restorer } = parts(host);
  listings.noteRetired([segment]);
  await compareAll(host, listings);
  assert.deepEqual(host.holders(segment), holders);
  loud(host, /the gate keeps 1 superseded segment file\(s\): the place of a living chunk is not known/);
  const { files: told } = await restorer.restore({});
  assert.deepEqual(
    told.map(({ result }) => result),
    ['restored', 'restored'],
  );
  assert.deepEqual(new Set(host.states(segment).map((state) => state.slice(2))), new Set(['good']));
  await assertAllReadable(host);
});

test('a living segment is retired and its files are swept away: nothing leaves the attic, and a restore undoes it', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(...files);
  const { attic, restorer } = parts(host);
  await host.operations({ o: 'retire', segment });
  await sweepAway(host, attic, segment);
  await host.clock.advance(10 * host.safety.atticMs);
  for (const node of host.all) assert.equal(await attic.empty(node, Number.POSITIVE_INFINITY), 0);
  loud(host, /error: .*stay in the attic, whatever the room: .*attic restore DIR --all/);
  const dry = await restorer.restore({ dryRun: true });
  assert.deepEqual(
    dry.files.map(({ result }) => result),
    ['restored', 'restored'],
  );
  assert.equal(host.holders(segment).length, 0, 'a dry run moves nothing');
  const { files: told } = await restorer.restore({});
  assert.match(told[0]!.because, /retired, but 3 chunk\(s\) of it are needed/);
  assert.deepEqual(host.holders(segment).length, 2);
  assert.deepEqual(new Set(host.states(segment).map((state) => state.slice(2))), new Set(['good']));
  await assertAllReadable(host);
});

test('files that the index places there are swept away: they come back, each verified, a damaged one does not', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(...files);
  const { attic, listings, restorer } = parts(host);
  const [first, second] = host.holders(segment);
  await sweepAway(host, attic, segment);
  await compareAll(host, listings);
  await host.clock.advance(10 * host.safety.atticMs);
  for (const node of host.all) assert.equal(await attic.empty(node, 0), 0);
  loud(host, /lacks copies/);
  first!.store.damage('attic', first!.store.names('attic')[0]!, 200_000);
  const results = (await restorer.restore({ wanted: [segment] })).files.map(({ node, result }) => `${node} ${result}`);
  assert.deepEqual(results.sort(), [`${first!.label} damaged`, `${second!.label} restored`].sort());
  await healAll(host);
  await assertAllReadable(host);
  assert.deepEqual(new Set(host.states(segment).map((state) => state.slice(2))), new Set(['good']));
});

test('what was retired rightly is left in the attic, and goes when its time is over', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(files[0]!);
  await host.save(files[1]!);
  await host.remove('file-0');
  await host.submit({ kind: 'retire', principal: '', now: 1, segments: [segment], pinned: [] });
  const { attic, listings, restorer } = parts(host);
  listings.noteRetired([segment]);
  await compareAll(host, listings);
  assert.equal(host.holders(segment).length, 0);
  const [told] = (await restorer.restore({ wanted: [segment] })).files;
  assert.deepEqual([told!.result, /nothing refers to it/.test(told!.because)], ['left', true]);
  await assert.rejects(restorer.restore({ wanted: ['nothing'] }), { code: 'NOT_FOUND' });
  const [listed] = (await attic.listAll()).files;
  assert.deepEqual([listed!.segment, listed!.reason, listed!.held], [segment, 'unreferred', null]);
  await host.clock.advance(host.safety.atticMs + 1);
  for (const node of host.all) await attic.empty(node, 0);
  assert.deepEqual((await attic.listAll()).files, []);
  await assertAllReadable(host, [files[1]!]);
});

test('references that do not add up: nothing leaves an attic, nothing is restored, and the way out is told', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(files[0]!);
  await host.remove('file-0');
  await host.submit({ kind: 'retire', principal: '', now: 1, segments: [segment], pinned: [] });
  let isSound = false;
  const doubtful: HostFixture = Object.assign(Object.create(host), { addsUp: async () => isSound });
  const { attic, restorer } = parts(doubtful);
  await sweepAway(host, attic, segment);
  for (const node of host.all) assert.equal(await attic.empty(node, Number.POSITIVE_INFINITY), 0);
  loud(host, /do not add up; run "holdfast check DIR", then "holdfast rebuild DIR"/);
  await assert.rejects(restorer.restore({}), { code: 'CORRUPT' });
  isSound = true;
  let freedBytes = 0;
  for (const node of host.all) freedBytes += await attic.empty(node, Number.POSITIVE_INFINITY);
  assert.ok(freedBytes > 0);
});

type Listing = (node: HostNode, whole: () => Promise<StoredFile[]>, other: HostNode) => Promise<StoredFile[]>;

const wrongListings: Readonly<Record<string, Listing>> = {
  'stops half way': async (_, whole) => (await whole()).slice(0, 1),
  'returns nothing': async () => [],
  "returns another node's": async (_, __, other) =>
    other.store.names('segments').map((name) => ({ name, sizeBytes: other.store.bytesOf('segments', name).length })),
  'says other lengths': async (_, whole) => (await whole()).map((file) => ({ ...file, sizeBytes: 1 })),
  throws: async () => {
    throw new Error('planted');
  },
};

for (const [what, wrong] of Object.entries(wrongListings)) {
  test(`a listing ${what}: nothing is moved, and no good copy is accused`, async (t) => {
    const host = await openHost(t);
    const segments = [await host.save(files[0]!), await host.save(files[1]!), await host.save(files[2]!)];
    const before = segments.map((segment) => [host.states(segment), host.holders(segment).map(({ id }) => id)]);
    const { listings } = parts(host);
    const mended = host.all.map((node, index) => {
      const list = node.store.list.bind(node.store);
      const other = host.all[(index + 1) % host.all.length]!;
      node.store.list = (folder) => (folder === 'segments' ? wrong(node, () => list(folder), other) : list(folder));
      return () => {
        node.store.list = list;
      };
    });
    await compareAll(host, listings);
    for (const mend of mended) mend();
    await compareAll(host, listings);
    assert.deepEqual(
      segments.map((segment) => [host.states(segment), host.holders(segment).map(({ id }) => id)]),
      before,
    );
    await assertAllReadable(host);
  });
}

test('a pin is ignored by who retires: the file stays for the upload that holds it', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(files[0]!);
  const { place } = host.reader.contentChunks(host.reader.lookup(['file-0'])!.content!, 0, 1)[0]!;
  host.segments.pin(segment);
  await host.remove('file-0');
  await host.submit({ kind: 'retire', principal: '', now: 1, segments: [segment], pinned: [] });
  const { listings } = parts(host);
  listings.noteRetired([segment]);
  await compareAll(host, listings);
  assert.equal(host.holders(segment).length, 2);
  const chunks = [[place!.chunk, files[0]!.bytes]] as const;
  const content = { content: null, recorded: 0, chunks, sizeBytes: files[0]!.bytes, checksum: contentChecksum(chunks) };
  const nodes = host.all.map(({ id }) => id);
  await host.operations({ o: 'data', segments: [{ id: segment, nodes }] });
  await host.submit({ kind: 'put', principal: '', now: 2, path: ['file-0'], content }, [{ place: place!, nodes }]);
  host.segments.unpin(segment);
  await compareAll(host, listings);
  await assertAllReadable(host, [files[0]!]);
});

test('the only copy that verifies is asked away: it is kept, counts again, and heals the others', async (t) => {
  const host = await openHost(t);
  const segment = await host.save(...files);
  const holders = host.holders(segment);
  const extra = host.all.find((node) => !holders.includes(node))!;
  const name = segmentFileName(segment);
  await extra.store.put('segments', name, [holders[0]!.store.bytesOf('segments', name)]);
  for (const node of holders) node.store.damage('segments', name, 100_000);
  const { gate, listings } = parts(host);
  const run = await gate.removeSegments({ node: extra, files: await extra.store.list('segments') });
  assert.match(run.refused[0]!.reason, /only 0 of 2 copies on other nodes verified/);
  await compareAll(host, listings);
  await healAll(host);
  await assertAllReadable(host);
});

test('an index older than its nodes knows less than they hold: what it does not know is kept', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await host.save(...files);
  const [node] = host.all;
  const unknown = segmentFileName(`${firstEpoch}-00000fff`);
  await node!.store.put('segments', unknown, [Buffer.from('x')]);
  const journal = formatJournalFileName({ firstSequence: 5_000, epoch: firstEpoch, writer: 'f'.repeat(16) });
  await node!.store.put('journal', journal, [Buffer.from('x')]);
  const { listings } = parts(host);
  await compareAll(host, listings);
  assert.ok(node!.store.names('segments').includes(unknown));
  loud(host, /the gate keeps 1 superseded segment file\(s\): the index is older than what lies on this node/);
  node!.store.lose('journal', journal);
  await compareAll(host, listings);
  assert.ok(!node!.store.names('segments').includes(unknown));
});

test('chunks whose segment is lost are read again from a retired segment in an attic', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const old = await host.save(files[0]!);
  const { place: from } = host.reader.contentChunks(host.reader.lookup(['file-0'])!.content!, 0, 1)[0]!;
  // As the cleaner does it: the chunk is written to another segment, the place moves, the old segment is retired.
  const { attic, restorer } = parts(host);
  const appended = await host.segments.append([chunkOf(files[0]!.bytes, 0)], { lane: 'clean' });
  const target = appended[0]!.place.segment;
  await host.operations({ o: 'data', segments: [{ id: target, nodes: appended[0]!.nodes }] });
  await host.segments.sync([target]);
  await host.withWriter((writer) => writer.movePlaces([{ from: from!, to: appended[0]!.place }]));
  await host.segments.sealAll();
  await host.operations({ o: 'seal', segment: target, length: 64 + from!.recordBytes, hash: null });
  await host.submit({ kind: 'retire', principal: '', now: 1, segments: [old], pinned: [] });
  await sweepAway(host, attic, old);
  for (const node of host.holders(target)) {
    node.store.lose('segments', segmentFileName(target));
    await host.withWriter((writer) => writer.setReplicaStates([{ segment: target, node: node.id, state: 'missing' }]));
  }
  for (const node of host.all) assert.equal(await attic.empty(node, Number.POSITIVE_INFINITY), 0);
  loud(host, /it holds parts of files that no other node has/);
  await restorer.restore({});
  await assertAllReadable(host, [files[0]!]);
});

test('of a damaged file in the attic everything is saved that verifies', async (t) => {
  const host = await openHost(t, { letters: 'a', replicas: 1 });
  const segment = await host.save(...files);
  const { attic, restorer } = parts(host);
  const [node] = host.all;
  node!.store.damage('segments', segmentFileName(segment), 400_000);
  await host.operations({ o: 'retire', segment });
  await sweepAway(host, attic, segment);
  const [told] = (await restorer.restore({})).files;
  assert.match(told!.because, /2 chunk\(s\) of it are needed and lie here; the rest of it is damaged/);
  await assertAllReadable(host, [files[0]!, files[2]!]);
  assert.deepEqual(host.states(segment), ['a damaged']);
  await host.remove('file-1');
});

test('a good copy in the attic takes the place of a bad one, which is kept', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files);
  const { attic, restorer } = parts(host);
  const [node] = host.all;
  const name = segmentFileName(segment);
  const whole = Buffer.from(node!.store.bytesOf('segments', name));
  await sweepAway(host, attic, segment);
  await node!.store.put('segments', name, [whole.subarray(0, 5_000)]);
  const { files: told } = await restorer.restore({});
  assert.deepEqual(
    told.map(({ result }) => result),
    ['restored', 'restored'],
  );
  assert.ok(node!.store.bytesOf('segments', name).equals(whole));
  assert.deepEqual(
    (await attic.listAll()).files.map(({ reason }) => reason),
    ['replaced'],
  );
  await assertAllReadable(host);
});

test('checkpoints and journals go only beside checkpoints that verify now', async (t) => {
  const host = await openHost(t, { letters: 'a', replicas: 1 });
  const { gate } = parts(host);
  const [node] = host.all;
  const kept = ['0000000000000009', '0000000000000005'].map((sequence) => `${sequence}-${firstEpoch}.checkpoint`);
  const old = `0000000000000002-${firstEpoch}.checkpoint`;
  for (const name of [...kept, old]) await node!.store.put('checkpoints', name, [Buffer.from('not whole\n')]);
  const refused = { code: 'GATE_REFUSED' };
  await assert.rejects(gate.removeSuperseded(node!, { kept: [], checkpoints: [old], journal: [] }), refused);
  await assert.rejects(gate.removeSuperseded(node!, { kept, checkpoints: [kept[0]!], journal: [] }), refused);
  await assert.rejects(gate.removeSuperseded(node!, { kept, checkpoints: [old], journal: [] }), /does not verify/);
  const journal = formatJournalFileName({ firstSequence: 3, epoch: firstEpoch, writer: 'f'.repeat(16) });
  await node!.store.put('journal', journal, [Buffer.from('x')]);
  await assert.rejects(
    gate.removeSuperseded(node!, { kept, checkpoints: [], journal: [journal] }),
    /no checkpoint holds/,
  );
  assert.equal(node!.store.names('attic').length, 0);
});
