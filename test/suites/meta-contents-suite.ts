/** Contents, chunks, segments and nodes: references, places, living bytes, degraded segments. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { contentChecksum } from '../../src/meta/content-checksum.js';
import type { ChunkReference, Operation } from '../../src/meta/operations.js';
import { chunksOf, firstNode, secondNode, staged, thirdNode, withCode } from './index-driver.js';
import type { Begin } from './meta-store-suite.js';

const recordOverhead = 100;
const numbered = (count: number, from = 0): ChunkReference[] =>
  Array.from({ length: count }, (_, index) => [(from + index).toString(16).padStart(64, '0'), 10]);

export function contentsSuite(begin: Begin): void {
  it('gives the chunks of a content with their places, from anywhere to anywhere', async (context) => {
    const driver = await begin(context);
    const chunks = numbered(600);
    const content = { content: null, recorded: 0, chunks, sizeBytes: 6_000, checksum: contentChecksum(chunks) };
    const { entry } = await driver.submit({ kind: 'put', path: ['f'], content });
    const { reader } = driver.store;
    for (const [first, count] of [
      [0, 600],
      [0, 1],
      [255, 2],
      [256, 256],
      [599, 5],
      [600, 1],
      [300, 250],
    ] as const) {
      const found = reader.contentChunks(entry!.content!, first, count);
      assert.deepEqual(
        found.map((item) => [item.chunk, item.plainBytes]),
        chunks.slice(first, first + count),
      );
      for (const { chunk, place, replicas } of found) {
        assert.deepEqual(
          place,
          driver.places.find((known) => known.chunk === chunk),
        );
        assert.deepEqual(replicas, [
          { node: firstNode, state: 'good' },
          { node: secondNode, state: 'good' },
        ]);
      }
    }
    assert.throws(() => reader.contentChunks(99, 0, 1), withCode('NOT_FOUND'));
  });

  it('records an upload in steps and finishes it with the rest', async (context) => {
    const driver = await begin(context);
    const chunks = numbered(700);
    const { content } = await driver.submit({ kind: 'reserve-content' });
    const record = (first: number, end: number): Operation => ({
      o: 'chunks',
      content: content!,
      first,
      chunks: chunks.slice(first, end),
    });
    await driver.operations([record(0, 100)]);
    await driver.operations([record(100, 400)]);
    await assert.rejects(driver.operations([record(500, 600)]), withCode('CORRUPT'));
    const { reader } = driver.store;
    assert.equal(reader.content(content!), undefined);
    assert.deepEqual(reader.unfinishedContents(), [content]);
    assert.ok(!reader.hasEnded());
    assert.ok(reader.chunkPlace(chunks[0]![0]));
    assert.equal(reader.counts().liveBytes, 400 * (10 + recordOverhead));
    assert.equal(await driver.prune(), 0, 'a running upload is not pruned');
    const rest = { content: content!, recorded: 400, chunks: chunks.slice(400), sizeBytes: 7_000 };
    const put = (checksum: string, recorded = 400) =>
      driver.submit({ kind: 'put', path: ['f'], content: { ...rest, recorded, checksum } });
    await assert.rejects(put(contentChecksum(chunks.slice(1))), withCode('CORRUPT'));
    await assert.rejects(put(contentChecksum(chunks), 300), withCode('CORRUPT'));
    const { entry } = await put(contentChecksum(chunks));
    assert.equal(entry!.content, content);
    assert.equal(reader.content(content!)?.chunkCount, 700);
    assert.deepEqual(reader.unfinishedContents(), []);
    assert.deepEqual(
      reader.contentChunks(content!, 390, 20).map((item) => item.chunk),
      chunks.slice(390, 410).map(([id]) => id),
    );
  });

  it('drops a given up upload by name, and never gives its content id again', async (context) => {
    const driver = await begin(context);
    const { content } = await driver.submit({ kind: 'reserve-content' });
    await driver.operations([{ o: 'chunks', content: content!, first: 0, chunks: numbered(3) }]);
    await driver.operations([{ o: 'prune', entries: [], contents: [content!, 12_345] }]);
    assert.deepEqual(driver.store.reader.unfinishedContents(), []);
    assert.equal(driver.store.reader.counts().liveBytes, 0);
    const next = await driver.submit({ kind: 'reserve-content' });
    assert.ok(next.content! > content!);
    const { entry } = await driver.put('f');
    assert.ok(entry!.content! > next.content!);
  });

  it('refuses to drop a content that an entry holds', async (context) => {
    const driver = await begin(context);
    const { entry } = await driver.put('f');
    const prune: Operation = { o: 'prune', entries: [], contents: [entry!.content!] };
    await assert.rejects(driver.operations([prune]), withCode('CORRUPT'));
    assert.ok(driver.store.reader.content(entry!.content!));
  });

  it('stores equal chunks once and counts their references', async (context) => {
    const driver = await begin(context);
    const first = await driver.batch([{ kind: 'put', path: ['a'], content: staged('same') }]);
    const second = await driver.batch([
      { kind: 'put', path: ['b'], content: staged('same') },
      { kind: 'put', path: ['c'], content: staged('samesame', 4) },
    ]);
    assert.equal(first.newChunks.length, 1);
    assert.deepEqual(second.newChunks, []);
    const [id] = chunksOf('same')[0]!;
    const { reader } = driver.store;
    const liveBytes = 4 + recordOverhead;
    assert.equal(reader.counts().liveBytes, liveBytes);
    await driver.delete('a');
    await driver.delete('b');
    await driver.prune();
    assert.ok(reader.chunkPlace(id));
    await driver.delete('c');
    assert.equal(reader.counts().liveBytes, liveBytes, 'what is ended but not pruned is living');
    await driver.prune();
    assert.equal(reader.chunkPlace(id), undefined);
    assert.equal(reader.counts().liveBytes, 0);
    assert.equal(reader.counts().storedBytes, liveBytes);
    const again = await driver.batch([{ kind: 'put', path: ['d'], content: staged('same') }]);
    assert.deepEqual(again.newChunks, [], 'a dead chunk whose segment is still there comes to life again');
    assert.equal(reader.counts().liveBytes, liveBytes);
  });

  it('commits nothing when a new chunk is left without a place', async (context) => {
    const driver = await begin(context);
    const { writer, reader } = driver.store;
    const request = { kind: 'put', path: ['f'], content: staged('x'), principal: '', now: 1 } as const;
    const segment = { id: driver.segment, nodes: [firstNode] };
    await writer.prepare({ sequence: 3, requests: [request], data: [segment] });
    await assert.rejects(writer.commit({ batch: null, places: [], data: [] }), withCode('INTERNAL'));
    assert.equal(reader.lookup(['f']), undefined);
    await assert.rejects(writer.prepare({ sequence: 4, requests: [], data: [] }), withCode('UNAVAILABLE'));
  });

  it('takes places from a repair of the batch', async (context) => {
    const driver = await begin(context);
    const { writer, reader } = driver.store;
    const request = { kind: 'put', path: ['f'], content: staged('x'), principal: '', now: 1 } as const;
    const { newChunks } = await writer.prepare({ sequence: 3, requests: [request], data: [] });
    const segment = `${driver.segment.slice(0, -1)}9`;
    const place = { chunk: newChunks[0]!, segment, offset: 4096, recordBytes: 101, plainBytes: 1 };
    await writer.commit({ batch: null, places: [place], data: [{ id: segment, nodes: [thirdNode] }] });
    const replicas = [{ node: thirdNode, state: 'good' }];
    assert.deepEqual(reader.chunkPlace(newChunks[0]!), { place, replicas, wanted: 2 });
    assert.equal(reader.segment(segment)?.lengthBytes, 4197);
  });

  it('reads a chunk from its new place when it was written again to a segment with more good replicas', async (context) => {
    const driver = await begin(context);
    const { writer, reader } = driver.store;
    await driver.put('f', 'text');
    const source = await driver.seal();
    const [old] = reader.segmentChunks(source, -1, 1);
    const again = { ...old!, segment: driver.segment, offset: 500 };
    const write = async (sequence: number) => {
      const request = { kind: 'put', path: ['f'], content: staged('text'), principal: '', now: 1 } as const;
      const data = [{ id: driver.segment, nodes: [firstNode, secondNode] }];
      await writer.prepare({ sequence, requests: [request], data });
      await writer.commit({ batch: null, places: [again], data: [] });
      return reader.chunkPlace(old!.chunk)?.place;
    };
    assert.deepEqual(await write(100), old, 'a good place is kept');
    await writer.setReplicaStates([{ segment: source, node: firstNode, state: 'damaged' }]);
    assert.deepEqual(await write(101), again);
    assert.deepEqual(reader.segmentChunks(source, -1, 1), []);
  });

  it('keeps pinned contents, and what ended after `before`, when it prunes', async (context) => {
    const driver = await begin(context);
    const first = (await driver.put('f', 'one')).entry!.content!;
    const second = (await driver.put('f', 'two')).entry!.content!;
    await driver.put('f', 'three');
    const ended = driver.tip.sequence;
    const { reader } = driver.store;
    const prune = (before: number, pinned: number[]) => driver.submit({ kind: 'prune', limit: 10, before, pinned });
    assert.equal((await prune(ended - 2, [])).pruned, 0);
    assert.equal((await prune(ended - 1, [])).pruned, 2);
    assert.equal(reader.content(first), undefined);
    assert.ok(reader.content(second));
    assert.equal((await prune(ended, [second])).pruned, 1);
    assert.ok(reader.content(second));
    assert.ok(reader.hasEnded());
    assert.equal((await prune(ended, [second])).pruned, 0);
    assert.equal((await prune(ended, [])).pruned, 1);
    assert.equal(reader.content(second), undefined);
    assert.equal(driver.lookup('f')?.sizeBytes, 5);
  });

  it('retires only sealed segments without living chunks that are not pinned', async (context) => {
    const driver = await begin(context);
    await driver.put('a', 'first');
    const first = await driver.seal();
    await driver.put('b', 'second');
    const second = await driver.seal();
    await driver.put('c', 'third');
    const open = driver.segment;
    const retire = async (...pinned: string[]) => {
      const segments = [first, second, open, 'ffffffffffffffff-00000000'];
      return (await driver.submit({ kind: 'retire', segments, pinned })).retired;
    };
    await driver.delete('a');
    assert.deepEqual(await retire(), []);
    await driver.delete('c');
    await driver.prune();
    assert.deepEqual(await retire(first), []);
    assert.deepEqual(await retire(), [first]);
    assert.equal(driver.store.reader.segment(first), undefined);
    const { newChunks } = await driver.batch([{ kind: 'put', path: ['a'], content: staged('first') }]);
    assert.equal(newChunks.length, 1, 'a chunk of a retired segment has to be stored again');
    assert.equal(driver.store.reader.counts().segments, 2);
  });

  it('keeps the totals of nodes and segments', async (context) => {
    const driver = await begin(context);
    await driver.put('a', 'x'.repeat(900));
    const { reader } = driver.store;
    const used = () => Object.fromEntries(reader.nodes().map((node) => [node.id, node.usedBytes]));
    assert.deepEqual(used(), { [firstNode]: 1_000, [secondNode]: 1_000, [thirdNode]: 0 });
    const segment = await driver.seal();
    await driver.operations([{ o: 'seal', segment, length: 1_500, hash: 'f'.repeat(64) }]);
    await driver.operations([{ o: 'relocate', segment, nodes: [thirdNode, secondNode] }]);
    assert.deepEqual(used(), { [firstNode]: 0, [secondNode]: 1_500, [thirdNode]: 1_500 });
    assert.deepEqual(reader.segment(segment), {
      id: segment,
      state: 'sealed',
      lengthBytes: 1_500,
      hash: 'f'.repeat(64),
      liveBytes: 1_000,
      wanted: 2,
      ownWanted: null,
      replicas: [
        { node: secondNode, state: 'good' },
        { node: thirdNode, state: 'good' },
      ],
    });
    await driver.delete('a');
    await driver.prune();
    await driver.submit({ kind: 'retire', segments: [segment], pinned: [] });
    assert.deepEqual(used(), { [firstNode]: 0, [secondNode]: 0, [thirdNode]: 0 });
    const { segments, liveBytes, storedBytes } = reader.counts();
    assert.deepEqual([segments, liveBytes, storedBytes], [0, 0, 0]);
  });

  it('moves the places of living chunks, only where they still are', async (context) => {
    const driver = await begin(context);
    const { reader, writer } = driver.store;
    await driver.put('a', 'first');
    await driver.put('b', 'second');
    const source = await driver.seal();
    await driver.put('c', 'third');
    const [from, stale] = reader.segmentChunks(source, -1, 10);
    assert.deepEqual(reader.segmentChunks(source, from!.offset, 10), [stale]);
    const to = { ...from!, segment: driver.segment, offset: 10_000 };
    const missed = { ...stale!, segment: driver.segment, offset: 20_000 };
    await writer.movePlaces([
      { from: from!, to },
      { from: { ...stale!, offset: 7 }, to: missed },
    ]);
    assert.deepEqual(reader.chunkPlace(from!.chunk)?.place, to);
    assert.deepEqual(reader.chunkPlace(stale!.chunk)?.place, stale);
    assert.deepEqual(reader.segmentChunks(source, -1, 10), [stale]);
  });

  it('keeps no more of the journal than it is told to', async (context) => {
    const driver = await begin(context);
    const { reader, writer } = driver.store;
    for (const name of ['a', 'b', 'c']) await driver.put(name);
    const sizes = driver.journaled.map((batch) => batch.bytes.length);
    await writer.trimJournal(sizes[4]! + sizes[3]!);
    assert.deepEqual(
      reader.batches(0, Number.MAX_SAFE_INTEGER).map((batch) => batch.sequence),
      [4, 5],
    );
    await writer.trimJournal(sizes[4]! + sizes[3]! - 1);
    assert.equal(reader.batches(0, Number.MAX_SAFE_INTEGER).length, 1);
    await writer.trimJournal(0);
    assert.deepEqual(reader.batches(0, Number.MAX_SAFE_INTEGER), []);
    assert.deepEqual(reader.tip(), driver.tip);
  });

  it('keeps batches until every node that is not retired has them', async (context) => {
    const driver = await begin(context);
    const { reader, writer } = driver.store;
    for (const name of ['a', 'b', 'c']) await driver.put(name);
    const all = driver.journaled.map(({ operations: _, ...batch }) => batch);
    assert.deepEqual(reader.batches(0, Number.MAX_SAFE_INTEGER), all);
    assert.deepEqual(reader.batches(2, 1), [all[2]]);
    await writer.setJournaled(firstNode, 5);
    await writer.setJournaled(secondNode, 3);
    assert.equal(reader.batches(0, Number.MAX_SAFE_INTEGER).length, 5, 'the third node has nothing yet');
    await writer.setJournaled(thirdNode, 4);
    assert.deepEqual(reader.batches(0, Number.MAX_SAFE_INTEGER), all.slice(3));
    assert.deepEqual(reader.journaled(), [
      { node: firstNode, sequence: 5 },
      { node: secondNode, sequence: 3 },
      { node: thirdNode, sequence: 4 },
    ]);
  });
}
