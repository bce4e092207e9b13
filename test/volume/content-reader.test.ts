/** Reading contents: ranges at every boundary, other replicas, chunks that moved, damage, and readers that leave. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../src/core/errors.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import { names, randomBytes } from '../drive/drive-fixture.js';
import { withCode } from '../suites/index-driver.js';
import { settleAll, TestVolume, until } from './volume-fixture.js';

const MiB = 1024 * 1024;
const bytes = randomBytes(3 * MiB + 1_000);

async function withFile(volume: TestVolume): Promise<void> {
  await volume.put('file', bytes);
}

async function range(volume: TestVolume, start: number, end: number): Promise<Buffer> {
  const reader = volume.engine.open(names('file'));
  try {
    const parts: Buffer[] = [];
    for await (const part of reader.read({ start, end })) {
      assert.ok(part.length <= MiB);
      parts.push(part);
    }
    return Buffer.concat(parts);
  } finally {
    reader.close();
  }
}

/** Segments of the file in order, each with the letters of its nodes. */
function segmentsOf(volume: TestVolume): { id: string; nodes: string }[] {
  const { content } = volume.meta.reader.lookup(['file'])!;
  const chunks = volume.meta.reader.contentChunks(content!, 0, 10);
  return chunks.map(({ place, replicas }) => ({
    id: place!.segment,
    nodes: replicas.map(({ node }) => node[0]).join(''),
  }));
}

test('ranges that touch every boundary are exact', async (t) => {
  const volume = await TestVolume.create(t);
  await withFile(volume);
  const edges = [0, 1, 65_535, 65_536, 65_537, MiB - 1, MiB, MiB + 1, 2 * MiB, bytes.length - 1, bytes.length];
  for (const start of edges) {
    for (const end of edges) {
      const part = await range(volume, start, end);
      assert.ok(part.equals(bytes.subarray(start, Math.max(start, end))), `${start} to ${end}`);
    }
  }
  assert.equal((await range(volume, 10, bytes.length + 5_000)).length, bytes.length - 10);
});

test('background work yields to whoever reads, from the first piece to the last', async (t) => {
  const volume = await TestVolume.create(t);
  await withFile(volume);
  const { engine } = volume;
  const isNoted = (): boolean => {
    const noted = Number.isFinite(engine.lastRequestMs);
    engine.lastRequestMs = Number.NEGATIVE_INFINITY;
    return noted;
  };
  isNoted();
  const reader = engine.open(names('file'));
  assert.ok(isNoted(), 'opened');
  let pieces = 0;
  for await (const _ of reader.read({ start: 0, end: bytes.length })) {
    pieces += 1;
    // What is read ahead was asked for before.
    assert.ok(isNoted() || pieces > 1, `piece ${pieces}`);
  }
  assert.equal(pieces, 4);
  engine.lastRequestMs = Number.NEGATIVE_INFINITY;
  await range(volume, 5, 10);
  assert.ok(isNoted());
  reader.close();
});

test('a replica that fails in the middle is made up for by another', async (t) => {
  const volume = await TestVolume.create(t);
  await withFile(volume);
  const long = randomBytes(12 * MiB, 2);
  await volume.put('long', long);
  const reader = volume.engine.open(names('long'));
  const parts: Buffer[] = [];
  for await (const part of reader.read({ start: 0, end: long.length })) {
    parts.push(part);
    if (parts.length > 1) continue;
    for (const { id, replicas } of volume.meta.reader.segments('', 100)) {
      const store = volume.store(replicas[0]!.node[0]!);
      if (store.names('segments').includes(segmentFileName(id))) store.lose('segments', segmentFileName(id));
    }
  }
  reader.close();
  assert.ok(Buffer.concat(parts).equals(long));
  assert.ok(volume.engine.segmentReader.counters.failovers > 0);
});

test('without any good copy it ends with DAMAGED, the file is named, and no short body looks whole', async (t) => {
  const volume = await TestVolume.create(t, { isChecked: false });
  await withFile(volume);
  const { id, nodes } = segmentsOf(volume).at(-1)!;
  for (const letter of nodes) volume.store(letter).lose('segments', segmentFileName(id));
  await assert.rejects(range(volume, 0, bytes.length), withCode('DAMAGED'));
  assert.deepEqual([...new Set(volume.told.damaged)], ['file']);
});

test('a copy that is only out of reach is waited for', async (t) => {
  const volume = await TestVolume.create(t);
  await withFile(volume);
  const { nodes } = segmentsOf(volume)[0]!;
  for (const letter of nodes) volume.node(letter).signal('gone', 'pulled');
  const reading = range(volume, 0, 10);
  let isDone = false;
  const done = reading.then(() => {
    isDone = true;
  });
  await settleAll(100);
  assert.equal(isDone, false);
  for (const letter of nodes) {
    volume.node(letter).signal('seen', null);
    volume.node(letter).welcome();
  }
  await volume.clock.advance(500);
  await done;
  assert.ok((await reading).equals(bytes.subarray(0, 10)));
});

test('a copy that stays out of reach ends a read after a bounded time, and later ones at once, but none that had begun', async (t) => {
  const volume = await TestVolume.create(t);
  await withFile(volume);
  const { nodes } = segmentsOf(volume)[0]!;
  const before = volume.engine.open(names('file'));
  for (const letter of nodes) volume.node(letter).signal('gone', 'pulled');
  const failed = assert.rejects(range(volume, 0, 10), withCode('UNAVAILABLE'));
  for (let step = 0; step < 30; step += 1) await volume.clock.advance(200);
  await failed;
  // Its nodes have been gone for so long: the next read does not wait, or a thousand files would take hours.
  let isRefused = false;
  const next = assert.rejects(range(volume, 0, 10), (error) => {
    isRefused = true;
    return hasCode(error, 'UNAVAILABLE') && /plug in/.test(error.message);
  });
  let hasEnded = false;
  const going = before.read({ start: 0, end: 10 })[Symbol.asyncIterator]().next();
  const goesOn = going.then(() => {
    hasEnded = true;
  });
  await settleAll(100);
  assert.deepEqual([isRefused, hasEnded], [true, false]);
  await next;
  for (const letter of nodes) {
    volume.node(letter).signal('seen', null);
    volume.node(letter).welcome();
  }
  await volume.clock.advance(500);
  await goesOn;
  assert.ok(((await going).value as Buffer).equals(bytes.subarray(0, 10)));
  before.close();
  assert.ok((await range(volume, 0, 10)).equals(bytes.subarray(0, 10)));
});

test('a chunk that was moved since its place was looked up is read where it is', async (t) => {
  const volume = await TestVolume.create(t);
  await withFile(volume);
  const reader = volume.engine.open(names('file'));
  const iterator = reader.read({ start: 0, end: bytes.length })[Symbol.asyncIterator]();
  const first = (await iterator.next()) as { value: Buffer };
  const content = volume.meta.reader.lookup(['file'])!.content!;
  const left = new Set<string>();
  for (const { place: from, replicas } of volume.meta.reader.contentChunks(content, 0, 10)) {
    assert.ok(from);
    const target = { place: from, nodes: replicas.map(({ node }) => node) };
    const plain = await volume.engine.segmentReader.read(target, 0, from.plainBytes);
    const [moved] = await volume.engine.segments.append([{ id: from.chunk, plain }], { lane: 'clean' });
    const { place: to, nodes } = moved!;
    await volume.engine.segments.sync([to.segment]);
    await volume.change({ kind: 'operations', operations: [{ o: 'data', segments: [{ id: to.segment, nodes }] }] });
    await volume.engine.committer.withWriter((writer) => writer.movePlaces([{ from, to }]));
    left.add(segmentFileName(from.segment));
  }
  for (const store of volume.stores.values()) {
    for (const name of store.names('segments')) if (left.has(name)) store.lose('segments', name);
  }
  const parts = [first.value];
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) parts.push(next.value as Buffer);
  reader.close();
  assert.ok(Buffer.concat(parts).equals(bytes));
});

test('a reader sees one version, whatever happens to the name, and pins it until it is closed', async (t) => {
  const volume = await TestVolume.create(t);
  await withFile(volume);
  const reader = volume.engine.open(names('file'));
  await volume.put('file', 'other');
  await volume.change({ kind: 'delete', path: ['file'] });
  assert.deepEqual(volume.engine.contentPins.keys(), [reader.entry.content]);
  const parts: Buffer[] = [];
  for await (const part of reader.read({ start: 0, end: reader.sizeBytes })) parts.push(part);
  assert.ok(Buffer.concat(parts).equals(bytes));
  reader.close();
  reader.close();
  assert.deepEqual(volume.engine.contentPins.keys(), []);
});

test('a reader that leaves early releases everything', async (t) => {
  const volume = await TestVolume.create(t);
  await withFile(volume);
  const reader = volume.engine.open(names('file'));
  for await (const part of reader.read({ start: 0, end: bytes.length })) {
    assert.ok(part.length > 0);
    break;
  }
  reader.close();
  await until(() => volume.engine.contentPins.keys().length === 0);
  const stop = new AbortController();
  const second = volume.engine.open(names('file'));
  stop.abort();
  await assert.rejects(async () => {
    for await (const _ of second.read({ start: 0, end: 10 }, { signal: stop.signal })) assert.fail('nothing is read');
  }, withCode('ABORTED'));
  second.close();
});

test('folders and names that are not there cannot be opened', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.makeFolder('folder');
  assert.throws(() => volume.engine.open(names('folder')), withCode('IS_FOLDER'));
  assert.throws(() => volume.engine.open(names('nothing')), withCode('NOT_FOUND'));
  assert.deepEqual(volume.engine.contentPins.keys(), []);
});

test('what was verified lately is at hand, and nothing else', async (t) => {
  const volume = await TestVolume.create(t);
  await withFile(volume);
  const reader = volume.engine.open(names('file'));
  const wanted = { start: MiB + 65_000, end: MiB + 66_000 };
  assert.equal(reader.atHand(wanted), undefined, 'nothing was read yet');
  await range(volume, wanted.start, wanted.end);
  assert.ok(reader.atHand(wanted)?.equals(bytes.subarray(wanted.start, wanted.end)));
  for (const other of [
    { start: MiB + 65_000, end: MiB + 3 * 65_536 },
    { start: MiB - 1, end: MiB + 66_000 },
    { start: wanted.start, end: bytes.length + 1 },
    { start: wanted.start, end: wanted.start },
  ]) {
    assert.equal(reader.atHand(other), undefined, `${other.start} to ${other.end}`);
  }
  reader.close();
  assert.equal(reader.atHand(wanted), undefined, 'closed');
});
