import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError, hasCode } from '../../src/core/errors.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import { copySegment, verifyReplica } from '../../src/store/read/segment-copy.js';
import type { AppendedChunk, BadCopy, SealedSegment } from '../../src/store/store-types.js';
import { SegmentHasher } from '../../src/store/write/segment-hasher.js';
import { chunkOf, endFixture, type Fixture, fileBytes, MiB, openFixture, sha256, TestNode } from './store-fixture.js';

interface Sealed extends Fixture {
  readonly chunks: AppendedChunk[];
  readonly seal: SealedSegment;
  readonly name: string;
  readonly target: TestNode;
}

async function openSealed(lengths: readonly number[] = [MiB, 100, 300_000, 1, MiB]): Promise<Sealed> {
  const fixture = await openFixture({ letters: 'ab' });
  const chunks = await fixture.store.append(
    lengths.map((length, index) => chunkOf(length, index)),
    { lane: 'small' },
  );
  await fixture.store.sealAll();
  assert.equal(fixture.sealed.length, 1);
  const seal = fixture.sealed[0]!;
  return Object.assign(fixture, { chunks, seal, name: segmentFileName(seal.segment), target: new TestNode('z') });
}

test('a copy is byte for byte the segment, in paced pieces', async () => {
  const sealed = await openSealed();
  const paced: number[] = [];
  const pace = async (bytes: number) => void paced.push(bytes);
  assert.equal(
    await copySegment({ ...sealed.seal, from: sealed.nodes, to: sealed.target, pace }),
    sealed.seal.lengthBytes,
  );
  assert.equal(sha256(fileBytes(sealed.target, sealed.seal.segment)), sealed.seal.hash);
  assert.ok(paced.length > 2 && Math.max(...paced) < 2 * MiB);
  assert.equal(
    paced.reduce((sum, bytes) => sum + bytes, 0),
    sealed.seal.lengthBytes,
  );
  await endFixture(sealed);
});

test('a segment of many small records is read in large pieces', async () => {
  const sealed = await openSealed(Array.from({ length: 3000 }, (_, index) => 1 + (index % 900)));
  sealed.nodes[0]!.store.log.length = 0;
  await copySegment({ ...sealed.seal, from: [sealed.nodes[0]!], to: sealed.target });
  assert.equal(sha256(fileBytes(sealed.target, sealed.seal.segment)), sealed.seal.hash);
  const reads = sealed.nodes[0]!.store.log.filter(({ operation, phase }) => operation === 'read' && phase === 'end');
  assert.ok(reads.length <= 3, `${reads.length} reads`);
  await endFixture(sealed);
});

test('what does not verify on one source is taken from another, record by record, and reported', async () => {
  const sealed = await openSealed();
  const [a, b] = sealed.nodes;
  a!.store.damage('segments', sealed.name, sealed.chunks[0]!.place.offset + 90_000);
  b!.store.damage('segments', sealed.name, sealed.chunks[4]!.place.offset + 10);
  const bad: BadCopy[] = [];
  const options = {
    ...sealed.seal,
    from: sealed.nodes,
    to: sealed.target,
    onBadCopy: (copy: BadCopy) => bad.push(copy),
  };
  await copySegment(options);
  assert.equal(sha256(fileBytes(sealed.target, sealed.seal.segment)), sealed.seal.hash);
  assert.deepEqual(bad, [
    { segment: sealed.seal.segment, node: a!.id, problem: 'damaged' },
    { segment: sealed.seal.segment, node: b!.id, problem: 'damaged' },
  ]);
  await endFixture(sealed);
});

test('a source that dies in the middle is left for the other one', async () => {
  const sealed = await openSealed();
  sealed.nodes[0]!.store.plan({ operation: 'read', effect: 'NODE_GONE', after: 1 });
  await copySegment({ ...sealed.seal, from: sealed.nodes, to: sealed.target });
  assert.equal(sha256(fileBytes(sealed.target, sealed.seal.segment)), sealed.seal.hash);
  await endFixture(sealed);
});

test('when no source verifies, nothing is put and the error says what was wrong where', async () => {
  const sealed = await openSealed();
  const [a, b] = sealed.nodes;
  a!.store.damage('segments', sealed.name, sealed.chunks[2]!.place.offset + 500);
  b!.store.lose('segments', sealed.name);
  await assert.rejects(copySegment({ ...sealed.seal, from: sealed.nodes, to: sealed.target }), (error) => {
    assert.ok(error instanceof DriveError && error.code === 'DAMAGED');
    assert.equal((error.details.copies as unknown[]).length, 2);
    return true;
  });
  a!.store.plan({ operation: 'read', effect: 'NODE_GONE' });
  await assert.rejects(copySegment({ ...sealed.seal, from: sealed.nodes, to: sealed.target }), (error) =>
    hasCode(error, 'UNAVAILABLE'),
  );
  assert.deepEqual(sealed.target.store.names('segments'), []);
  await endFixture(sealed);
});

test('a segment that verifies but is not the sealed one is not put, and neither is a cancelled copy', async () => {
  const sealed = await openSealed();
  const copy = { ...sealed.seal, from: sealed.nodes, to: sealed.target };
  await assert.rejects(copySegment({ ...copy, hash: 'f'.repeat(64) }), (error) => hasCode(error, 'CORRUPT'));
  await assert.rejects(copySegment({ ...copy, signal: AbortSignal.abort() }), (error) => hasCode(error, 'ABORTED'));
  await assert.rejects(copySegment({ ...copy, from: [] }), (error) => hasCode(error, 'DAMAGED'));
  assert.deepEqual(sealed.target.store.names('segments'), []);
  await endFixture(sealed);
});

test('a replica is good, missing, short, damaged, or nothing can be said', async () => {
  const sealed = await openSealed();
  const node = sealed.nodes[0]!;
  const check = (changes: { hash?: string | null } = {}) => verifyReplica({ ...sealed.seal, ...changes, node });
  assert.equal(await check(), 'good');
  assert.equal(await check({ hash: null }), 'good');
  assert.equal(await check({ hash: '0'.repeat(64) }), 'damaged');
  node.store.damage('segments', sealed.name, sealed.seal.lengthBytes - 1);
  assert.equal(await check(), 'damaged', 'the footer counts too');
  node.store.damage('segments', sealed.name, sealed.seal.lengthBytes - 1);
  node.store.damage('segments', sealed.name, 3);
  assert.equal(await check({ hash: null }), 'damaged', 'the file header counts too');
  node.store.damage('segments', sealed.name, 3);
  node.store.plan(
    { operation: 'read', effect: 'NODE_IO', after: 1 },
    { operation: 'read', effect: 'NODE_GONE', after: 3 },
  );
  assert.equal(await check(), 'damaged');
  await assert.rejects(check(), (error) => hasCode(error, 'UNAVAILABLE'));
  node.store.shorten('segments', sealed.name, sealed.seal.lengthBytes - 1);
  assert.equal(await check(), 'short');
  node.store.lose('segments', sealed.name);
  assert.equal(await check(), 'missing');
  await endFixture(sealed);
});

test('bytes behind the length of the seal do not count', async () => {
  const sealed = await openSealed();
  const last = sealed.chunks[3]!.place;
  const shorter = { segment: sealed.seal.segment, lengthBytes: last.offset + last.recordBytes, hash: null };
  assert.equal(await verifyReplica({ ...shorter, node: sealed.nodes[0]! }), 'good');
  assert.equal(await copySegment({ ...shorter, from: sealed.nodes, to: sealed.target }), shorter.lengthBytes);
  assert.equal(fileBytes(sealed.target, shorter.segment).length, shorter.lengthBytes);
  const inside = { ...shorter, lengthBytes: shorter.lengthBytes - 1 };
  assert.equal(await verifyReplica({ ...inside, node: sealed.nodes[0]! }), 'damaged', 'a length inside a record');
  await endFixture(sealed);
});

test('the hash thread hashes one segment after the other, small and shared buffers included', async () => {
  const hasher = new SegmentHasher();
  const whole = chunkOf(3 * MiB, 1).plain;
  async function* pieces() {
    yield Buffer.from(whole.subarray(0, 10));
    yield Buffer.from(whole.subarray(10, MiB));
    yield Buffer.from(whole.subarray(MiB));
  }
  async function* failing() {
    yield Buffer.from(whole.subarray(0, MiB));
    throw new DriveError('NODE_GONE');
  }
  const first = hasher.hash(pieces());
  const failed = assert.rejects(hasher.hash(failing()), (error) => hasCode(error, 'NODE_GONE'));
  const second = hasher.hash(pieces());
  assert.equal(await first, sha256(whole));
  await failed;
  assert.equal(await second, sha256(whole));
  await hasher.close();
  await hasher.close();
  await assert.rejects(hasher.hash(pieces()), (error) => hasCode(error, 'CLOSED'));
});
