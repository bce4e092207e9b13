/** A segment store over nodes in memory, and what its callbacks said. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/core/clock.js';
import type { SpaceInfo } from '../../src/core/file-io.js';
import { testSafety } from '../../src/core/safety-parameters.js';
import type { NodeState } from '../../src/node/node-state.js';
import { chunkId } from '../../src/segment/chunk-id.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import type { StoreNode } from '../../src/store/store-node.js';
import type { BadCopy, ChunkToStore, SealedSegment } from '../../src/store/store-types.js';
import { SegmentStore } from '../../src/store/write/segment-store.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryNodeStore } from '../support/memory-node-store.js';
import { SeededRandom } from '../support/seeded-random.js';

export const MiB = 1024 * 1024;
export const firstEpoch = 'e'.repeat(16);

export class TestNode implements StoreNode {
  readonly id: string;
  readonly store: MemoryNodeStore;
  group: string;
  weight = 1;
  state: NodeState = 'online';
  role: StoreNode['role'] = 'active';
  latencyMs = 0;
  space: SpaceInfo | undefined;

  constructor(letter: string) {
    this.id = letter.repeat(16);
    this.group = this.id;
    this.store = new MemoryNodeStore(this.id);
    this.space = this.store.space;
  }
}

export interface Fixture {
  readonly nodes: TestNode[];
  readonly clock: ManualClock;
  readonly store: SegmentStore;
  readonly sealed: SealedSegment[];
  readonly badCopies: BadCopy[];
  epoch: string;
}

export async function openFixture({ letters = 'abc', copies = 2 } = {}): Promise<Fixture> {
  const nodes = [...letters].map((letter) => new TestNode(letter));
  const clock = new ManualClock();
  const sealed: SealedSegment[] = [];
  const badCopies: BadCopy[] = [];
  const fixture = { nodes, clock, sealed, badCopies, epoch: firstEpoch };
  const store = await SegmentStore.open({
    nodes: () => nodes,
    volumeId: '0123456789abcdef',
    epoch: () => fixture.epoch,
    copies,
    safety: testSafety,
    clock,
    usedBytes: () => 0,
    onBadCopy: (copy) => badCopies.push(copy),
    onSealed: (segment) => sealed.push(segment),
  });
  return Object.assign(fixture, { store });
}

/** Ends a test: closes the store, and fails on unused faults and broken prohibitions. */
export async function endFixture({ store, nodes }: Fixture): Promise<void> {
  for (const node of nodes) node.store.wake();
  await store.close();
  for (const node of nodes) node.store.assertSound();
}

export function nodeOf(fixture: Fixture, id: string | undefined): TestNode {
  const node = fixture.nodes.find((candidate) => candidate.id === id);
  assert.ok(node, `node ${id}`);
  return node;
}

export function chunkOf(lengthBytes: number, seed: number): ChunkToStore {
  const plain = new SeededRandom(seed).bytes(lengthBytes);
  return { id: chunkId(plain), plain };
}

export function fileBytes(node: TestNode, segment: string): Buffer {
  return node.store.bytesOf('segments', segmentFileName(segment));
}

export const sha256 = (bytes: Buffer): string => hash('sha256', bytes, 'hex');

/** Lets work that hops through the event loop (and the hash thread) come to `isDone`; fails after a while. */
export async function until(isDone: () => boolean): Promise<void> {
  const deadline = systemClock.monotonic() + 60_000;
  for (let turn = 0; systemClock.monotonic() < deadline; turn += 1) {
    if (isDone()) return;
    if (turn < 100) await new Promise<void>((resolve) => setImmediate(resolve));
    else await sleep(1);
  }
  assert.fail('it did not happen');
}
