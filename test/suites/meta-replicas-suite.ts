/** Replicas: their states, which segments lack good ones, which copies were proven when. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { firstNode, path, secondNode, thirdNode } from './index-driver.js';
import type { Begin } from './meta-store-suite.js';

export function replicasSuite(begin: Begin): void {
  it('takes a replica that lacks new chunks as short, not as gone', async (context) => {
    const driver = await begin(context);
    await driver.put('a', 'first');
    const { reader } = driver.store;
    await driver.operations([{ o: 'data', segments: [{ id: driver.segment, nodes: [firstNode, thirdNode] }] }]);
    assert.deepEqual(reader.segment(driver.segment)?.replicas, [
      { node: firstNode, state: 'good' },
      { node: secondNode, state: 'short' },
      { node: thirdNode, state: 'good' },
    ]);
  });

  it('lists segments with too few good replicas, fewest first', async (context) => {
    const driver = await begin(context);
    const { reader, writer } = driver.store;
    const ids: string[] = [];
    for (const text of ['one', 'two', 'three', 'four']) {
      await driver.put(text);
      ids.push(await driver.seal());
    }
    const degraded = (wanted: number, absent: string[] = []) =>
      reader.degraded({ wanted, absent, limit: 10 }).map((segment) => ids.indexOf(segment.id));
    assert.deepEqual(degraded(2), []);
    assert.deepEqual(degraded(3), [0, 1, 2, 3]);
    assert.deepEqual(degraded(2, [firstNode]), [0, 1, 2, 3]);
    await writer.setReplicaStates([
      { segment: ids[2]!, node: firstNode, state: 'missing' },
      { segment: ids[1]!, node: firstNode, state: 'damaged' },
      { segment: ids[1]!, node: secondNode, state: 'short' },
      { segment: ids[0]!, node: thirdNode, state: 'damaged' },
      { segment: 'ffffffffffffffff-00000000', node: firstNode, state: 'good' },
    ]);
    assert.deepEqual(degraded(2), [1, 2]);
    assert.deepEqual(degraded(0), [1, 2], 'a bad replica counts whatever is wanted');
    assert.deepEqual(reader.degraded({ wanted: 2, absent: [], limit: 1 }).length, 1);
    await writer.setReplicaStates([{ segment: ids[2]!, node: firstNode, state: 'good' }]);
    assert.deepEqual(degraded(2), [1]);
    const node = reader.nodes().find(({ id }) => id === secondNode)!;
    const { usedBytes: _, ...settings } = node;
    await driver.operations([{ o: 'node', ...settings, role: 'retired' }]);
    assert.deepEqual(degraded(2), [1, 0, 2, 3], 'a retired node holds nothing for good');
  });

  it('knows which copies were proven when, and asks for the oldest proof first', async (context) => {
    const driver = await begin(context);
    const { reader, writer } = driver.store;
    await driver.put('one');
    const one = await driver.seal();
    await driver.put('two');
    const two = await driver.seal();
    await driver.put('still open');
    const nodes = [firstNode, secondNode];
    const oldest = (before: number, limit = 10, on = nodes) =>
      reader.oldestProofs({ nodes: on, before, limit }).map(({ segment, node, proven }) => [segment, node, proven]);
    assert.deepEqual(oldest(1, 10, [firstNode]), [
      [one, firstNode, 0],
      [two, firstNode, 0],
    ]);
    const state = 'good' as const;
    await writer.setReplicaStates([
      { segment: one, node: firstNode, state, proven: 200 },
      { segment: one, node: secondNode, state, proven: 100 },
      { segment: two, node: firstNode, state, proven: 300 },
    ]);
    assert.deepEqual(oldest(250), [
      [two, secondNode, 0],
      [one, secondNode, 100],
      [one, firstNode, 200],
    ]);
    assert.deepEqual(oldest(250, 1, [firstNode]), [[one, firstNode, 200]]);
    assert.deepEqual(
      reader.proofs().map(({ node, ...proofs }) => [nodes.indexOf(node), proofs]),
      [
        [0, { copies: 2, proven: 2, oldest: 200 }],
        [1, { copies: 2, proven: 1, oldest: 100 }],
      ],
    );
    await writer.setReplicaStates([{ segment: one, node: firstNode, state: 'damaged' }]);
    assert.deepEqual(oldest(1_000, 10, [firstNode]), [[two, firstNode, 300]], 'a bad copy is for the healer');
    await writer.setReplicaStates([{ segment: one, node: firstNode, state: 'good' }]);
    assert.deepEqual(oldest(1_000, 1, [firstNode]), [[one, firstNode, 0]], 'made again, it is not proven yet');
    assert.deepEqual(await driver.store.check(), []);
  });

  it('counts no replica of a node that is away on purpose, and keeps all of them', async (context) => {
    const driver = await begin(context);
    const { reader, writer } = driver.store;
    await driver.put('one');
    const segment = await driver.seal();
    await driver.operations([{ o: 'relocate', segment, nodes: [firstNode, secondNode, thirdNode] }]);
    const degraded = (wanted: number, absent: string[] = []) => reader.degraded({ wanted, absent, limit: 10 }).length;
    const { usedBytes, ...settings } = reader.nodes().find(({ id }) => id === thirdNode)!;
    assert.ok(usedBytes > 0);
    assert.equal(degraded(3), 0);
    await driver.operations([{ o: 'node', ...settings, role: 'away', every: 7, current: driver.now }]);
    assert.equal(reader.nodes().find(({ id }) => id === thirdNode)?.every, 7);
    assert.deepEqual([degraded(3), degraded(2), degraded(2, [thirdNode]), degraded(2, [firstNode])], [1, 0, 0, 1]);
    await writer.setReplicaStates([{ segment, node: thirdNode, state: 'damaged' }]);
    assert.equal(degraded(2), 0, 'a bad one there is not for the healer');
    assert.equal(reader.segment(segment)?.replicas.length, 3);
    assert.equal(reader.nodes().find(({ id }) => id === thirdNode)?.usedBytes, usedBytes);
    assert.deepEqual(await driver.store.check(), []);
    await driver.operations([{ o: 'node', ...settings }]);
    assert.deepEqual([degraded(2), reader.nodes().find(({ id }) => id === thirdNode)?.every], [1, undefined]);
    await writer.setReplicaStates([{ segment, node: thirdNode, state: 'good' }]);
    assert.equal(degraded(3), 0);
    assert.deepEqual(await driver.store.check(), []);
  });

  it('names the files that a lost segment takes with it', async (context) => {
    const driver = await begin(context);
    const { reader } = driver.store;
    await driver.makeFolder('d');
    await driver.put('d/lost', 'lost');
    await driver.submit({ kind: 'copy', path: path('d/lost'), target: ['too'], overwrite: false, depth: 0 });
    const segment = await driver.seal();
    await driver.put('fine', 'fine');
    const sources = [firstNode];
    const query = { segments: [{ id: segment, sources }], except: [], chunks: [], withoutPlace: false, limit: 10 };
    const found = await driver.store.findParts(query);
    assert.deepEqual(
      found.files.map((file) => [file.path.join('/'), file.sizeBytes, file.parts]),
      ['d/lost', 'too'].map((name) => [name, 4, [{ start: 0, end: 4, segment }]]),
    );
    assert.deepEqual([found.count, found.bytes, found.groups], [2, 8, [{ sources: [sources], count: 2 }]]);
    const one = await driver.store.findParts({ ...query, limit: 1 });
    assert.deepEqual([one.files.length, one.count], [1, 2]);
    const [place] = reader.segmentChunks(segment, -1, 1);
    assert.equal((await driver.store.findParts({ ...query, except: [place!.chunk] })).count, 0);
    const named = await driver.store.findParts({ ...query, segments: [], chunks: [place!.chunk] });
    assert.deepEqual([named.count, named.files[0]?.parts[0]?.segment], [2, segment]);
  });
}
