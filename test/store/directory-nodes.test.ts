/** The store over node directories, as it runs: what was acknowledged outlives a node that is renamed away. */
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/core/clock.js';
import { testSafety } from '../../src/core/safety-parameters.js';
import { systemFileIo } from '../../src/core/system-file-io.js';
import { DirectoryNodeStore } from '../../src/node/directory-node-store.js';
import type { Node } from '../../src/node/node.js';
import { initializeNodeDirectory } from '../../src/node/node-directory.js';
import { copySegment, verifyReplica } from '../../src/store/read/segment-copy.js';
import { SegmentReader } from '../../src/store/read/segment-reader.js';
import type { StoreNode } from '../../src/store/store-node.js';
import type { BadCopy, SealedSegment } from '../../src/store/store-types.js';
import { SegmentStore } from '../../src/store/write/segment-store.js';
import { type CleanUp, temporaryFolder } from '../support/temporary-folder.js';
import { chunkOf, firstEpoch, MiB, until } from './store-fixture.js';

/** Does not compile when a node no longer fits what the store needs. */
export const asStoreNode = (node: Node): StoreNode => node;

async function openNodes(context: CleanUp): Promise<(StoreNode & { path: string })[]> {
  const parent = await temporaryFolder(context);
  const volume = '0123456789abcdef';
  return Promise.all(
    [...'abc'].map(async (letter) => {
      const [id, path] = [letter.repeat(16), join(parent, letter)];
      const passport = { volume, node: id, label: letter, created: 1 };
      await initializeNodeDirectory(systemFileIo, path, { passport, otherPaths: [] });
      const options = { path, id, volume, fileIo: systemFileIo, clock: systemClock, safety: testSafety };
      const store = await DirectoryNodeStore.open(options);
      context.after(() => store.close());
      const space = await store.probe();
      const fixed = { group: id, weight: 1, state: 'online', role: 'active', latencyMs: 0 } as const;
      return { id, path, store, space, ...fixed };
    }),
  );
}

test('chunks on node directories are read back through seals, a lost node, and a copy', async (context) => {
  const nodes = await openNodes(context);
  const sealed: SealedSegment[] = [];
  const bad: BadCopy[] = [];
  const store = await SegmentStore.open({
    nodes: () => nodes,
    volumeId: '0123456789abcdef',
    epoch: () => firstEpoch,
    copies: 2,
    safety: testSafety,
    clock: systemClock,
    usedBytes: () => 0,
    onBadCopy: (copy) => bad.push(copy),
    onSealed: (segment) => sealed.push(segment),
  });
  const chunks = Array.from({ length: 12 }, (_, index) => chunkOf(index % 3 === 0 ? 5000 : MiB, index));
  const appended = await Promise.all(
    chunks.map((chunk) => store.append([chunk], { lane: chunk.plain.length < MiB ? 'small' : 'bulk' })),
  );
  const targets = appended.map(([one]) => ({ place: one!.place, nodes: one!.nodes }));
  await store.sync([...new Set(targets.map(({ place }) => place.segment))]);
  for (const { place } of targets) assert.equal(store.durableNodes(place).length, 2);
  await store.sealAll();
  assert.ok(sealed.every(({ hash, nodes: held }) => hash !== null && held.length === 2));
  assert.equal(bad.length, 0);

  const { id: lost, path } = nodes[0]!;
  await rename(path, `${path}-away`);
  await nodes[0]!.store.release();
  const reader = new SegmentReader({
    nodes: () => nodes,
    safety: testSafety,
    clock: systemClock,
    onBadCopy: (c) => bad.push(c),
  });
  for (const [index, target] of targets.entries()) {
    const { plain } = chunks[index]!;
    assert.ok((await reader.read(target, 0, plain.length)).equals(plain));
    assert.ok((await reader.read(target, 1000, 2000)).equals(plain.subarray(1000, 2000)));
  }
  assert.ok(reader.counters.failovers > 0);
  assert.equal(bad.length, 0, 'a node that is gone says nothing about its copies');

  for (const seal of sealed.filter(({ nodes: held }) => held.includes(lost))) {
    const from = nodes.filter(({ id }) => seal.nodes.includes(id));
    const to = nodes.find(({ id }) => !seal.nodes.includes(id))!;
    await copySegment({ ...seal, from, to });
    assert.equal(await verifyReplica({ ...seal, node: to }), 'good');
  }

  const more = await store.append([chunkOf(100, 99), chunkOf(100, 98)], { lane: 'small' });
  assert.ok(more.every(({ nodes: took }) => took.length === 2 && !took.includes(lost)));
  await store.sealAll();
  await until(() => store.openSegments().length === 0);
  await store.close();
});
