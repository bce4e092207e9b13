/** Chunks in memory that the hash thread and the disks share: hashed there, once, and never used again too early. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSafety } from '../../../src/core/safety-parameters.js';
import type { ChunkToStore } from '../../../src/store/store-types.js';
import { uploadMemory } from '../../../src/store/write/upload-memory.js';
import {
  chunkOf,
  endFixture,
  type Fixture,
  fileBytes,
  MiB,
  nodeOf,
  openFixture,
  sha256,
  until,
} from '../store-fixture.js';

const bulk = { lane: 'bulk' } as const;

function sharedChunk(lengthBytes: number, seed: number): ChunkToStore {
  const { id, plain } = chunkOf(lengthBytes, seed);
  const memory = uploadMemory.take();
  plain.copy(memory);
  return { id, plain: memory.subarray(0, lengthBytes) };
}

function readsOf({ nodes }: Fixture): number {
  return nodes.flatMap(({ store }) => store.log).filter(({ operation }) => operation === 'read').length;
}

/** Every sealed segment's hash is that of its file on each node that holds it. */
async function assertSealedHashes(fixture: Fixture): Promise<void> {
  await fixture.store.sealAll();
  assert.ok(fixture.sealed.length > 0);
  for (const { segment, hash, nodes, lengthBytes } of fixture.sealed) {
    for (const id of nodes)
      assert.equal(sha256(fileBytes(nodeOf(fixture, id), segment).subarray(0, lengthBytes)), hash);
  }
}

test('chunks are named in the thread as they are here, whatever their length', async () => {
  const fixture = await openFixture();
  for (const lengthBytes of [1, 65_535, 65_536, MiB]) {
    const { id, plain } = sharedChunk(lengthBytes, lengthBytes);
    assert.equal(await fixture.store.chunkId(plain), id);
    assert.equal(await fixture.store.chunkId(Buffer.from(plain)), id);
  }
  await endFixture(fixture);
});

test('a segment that was hashed while it was written is not read back', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  await fixture.store.append([sharedChunk(MiB, 1), sharedChunk(300_000, 2), sharedChunk(10, 3)], bulk);
  await fixture.store.append([sharedChunk(MiB, 4)], bulk);
  await assertSealedHashes(fixture);
  assert.equal(readsOf(fixture), 0);
  await endFixture(fixture);
});

test('where other memory comes between, the segment is read back, and its hash is right', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  for (const chunk of [sharedChunk(MiB, 1), chunkOf(MiB, 2), sharedChunk(MiB, 3)]) {
    await fixture.store.append([chunk], bulk);
  }
  await assertSealedHashes(fixture);
  assert.ok(readsOf(fixture) > 0);
  await endFixture(fixture);
});

for (const effect of ['NODE_IO', 'NODE_FULL', 'torn'] as const) {
  test(`a node that fails (${effect}) leaves segments whose hashes are right`, async () => {
    const fixture = await openFixture({ letters: 'abc' });
    const [first] = await fixture.store.append([sharedChunk(MiB, 1)], bulk);
    await fixture.store.sync([first!.place.segment]);
    nodeOf(fixture, first!.nodes[0]).store.plan({ operation: 'write', effect });
    for (let seed = 2; seed < 6; seed += 1) await fixture.store.append([sharedChunk(MiB, seed)], bulk);
    await assertSealedHashes(fixture);
    await endFixture(fixture);
  });
}

test('what was hashed and taken by no node is not in the hash', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const [first] = await fixture.store.append([sharedChunk(MiB, 1)], bulk);
  await fixture.store.sync([first!.place.segment]);
  for (const { store } of fixture.nodes) store.plan({ operation: 'write', effect: 'NODE_FULL' });
  await assert.rejects(fixture.store.append([sharedChunk(MiB, 2)], bulk));
  await assertSealedHashes(fixture);
  assert.equal(fixture.sealed[0]!.lengthBytes, first!.place.offset + first!.place.recordBytes);
  await endFixture(fixture);
});

test('memory that a hung write may still read is never used again', async () => {
  const fixture = await openFixture({ letters: 'ab' });
  const hangs = () => fixture.nodes.flatMap(({ store }) => store.log).filter(({ operation }) => operation === 'write');
  for (const node of fixture.nodes) node.store.plan({ operation: 'write', effect: 'hang' });
  const chunk = sharedChunk(MiB, 2);
  const appending = assert.rejects(fixture.store.append([chunk], bulk));
  await until(() => hangs().length === 2);
  await fixture.clock.advance(2 * testSafety.writeDeadlineMs);
  await appending;
  uploadMemory.giveBack(chunk.plain);
  const next = Array.from({ length: 40 }, () => uploadMemory.take());
  assert.ok(next.every(({ buffer }) => buffer !== chunk.plain.buffer));
  for (const buffer of next) uploadMemory.giveBack(buffer);
  await endFixture(fixture);
});
