/** The journals of all nodes: members before it counts, followers in order behind, and who may be chosen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBatch, genesisHash } from '../../src/segment/journal-batch.js';
import type { StoreNode } from '../../src/store/store-node.js';
import { chooseMembers, WriteSet } from '../../src/volume/commit/write-set.js';
import { TestNode } from '../store/store-fixture.js';
import { SeededRandom } from '../support/seeded-random.js';
import { settleAll, until } from './volume-fixture.js';

function batch(sequence: number, lengthBytes = 10) {
  const epoch = 'e'.repeat(16);
  const operations = Buffer.alloc(lengthBytes, 'x');
  const header = { sequence, previousSequence: sequence - 1, previousHash: genesisHash, epoch, isEpoch: false };
  return { sequence, epoch, ...encodeBatch({ ...header, writer: '1'.repeat(16), operations }) };
}

function openWriteSet(letters: string) {
  const lost: string[] = [];
  const nodes = [...letters].map((letter) => new TestNode(letter));
  const writeSet = new WriteSet({ random: new SeededRandom(1), onFollowerLost: (node) => lost.push(node[0]!) });
  for (const node of nodes) writeSet.admit(node, 0);
  return { writeSet, nodes, lost };
}

const node = (id: string, more: Partial<StoreNode> = {}) => Object.assign(new TestNode(id), more);
const chosen = (ids: readonly string[]) => ids.map((id) => id[0]).join('');

test('members lie in different failure groups while there are any', () => {
  const nodes = [node('a', { group: '1' }), node('b', { group: '1' }), node('c', { group: '2' })];
  assert.equal(chosen(chooseMembers(nodes, 2, [])), 'ac');
  assert.equal(chosen(chooseMembers(nodes, 3, [])), 'acb');
  assert.equal(chosen(chooseMembers(nodes.slice(0, 2), 2, [])), 'ab');
});

test('members stay, then the quicker nodes come, full ones last', () => {
  const nodes = [node('a', { latencyMs: 9 }), node('b', { latencyMs: 1 }), node('c', { latencyMs: 5 })];
  assert.equal(chosen(chooseMembers(nodes, 2, ['a'.repeat(16)])), 'ab');
  assert.equal(chosen(chooseMembers([node('a', { state: 'full' }), nodes[1]!, nodes[2]!], 2, ['a'.repeat(16)])), 'bc');
});

test('a member that fails is reported and dropped; the others go on', async () => {
  const { writeSet, nodes } = openWriteSet('ab');
  nodes[0]!.store.plan({ operation: 'sync', effect: 'NODE_IO' });
  const report = await writeSet.append(
    ['a', 'b'].map((letter) => letter.repeat(16)),
    batch(1),
  );
  assert.deepEqual([chosen(report.failed), chosen(report.acknowledged)], ['a', 'b']);
  assert.equal(writeSet.position('a'.repeat(16)), undefined);
  assert.equal(writeSet.durablePositions().get('a'.repeat(16)), 0, 'what failed to sync does not count');
  assert.equal(writeSet.durablePositions().get('b'.repeat(16)), 1);
});

test('what waits for a slow follower goes out at once, in order', async () => {
  const { writeSet, nodes } = openWriteSet('a');
  const [follower] = nodes;
  let letGo = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  follower!.store.delay = () => gate;
  for (let sequence = 1; sequence <= 500; sequence += 1) writeSet.follow(batch(sequence), []);
  letGo();
  assert.deepEqual((await writeSet.currentAt(500)).length, 1);
  const syncs = follower!.store.log.filter((entry) => entry.operation === 'sync' && entry.phase === 'end').length;
  assert.equal(syncs, 2);
});

test('a follower that holds up too many bytes is dropped, and told once', async () => {
  const { writeSet, nodes, lost } = openWriteSet('a');
  nodes[0]!.store.plan({ operation: 'write', effect: 'hang' });
  for (let sequence = 1; sequence <= 40; sequence += 1) writeSet.follow(batch(sequence, 1024 * 1024), []);
  await settleAll();
  assert.deepEqual(lost, ['a']);
  nodes[0]!.store.wake();
  await until(() => writeSet.positions().length === 0);
  assert.deepEqual(lost, ['a']);
});

test('a follower that fails is told', async () => {
  const { writeSet, nodes, lost } = openWriteSet('a');
  nodes[0]!.store.plan({ operation: 'write', effect: 'torn' });
  writeSet.follow(batch(1), []);
  await until(() => lost.length > 0);
  assert.deepEqual(await writeSet.currentAt(1), []);
});
