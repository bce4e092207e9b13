/** Which copies stay when some are to spare. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseKept } from '../../../src/maintenance/protection/kept-copies.js';
import type { StoreNode } from '../../../src/store/store-node.js';

const node = (id: string, more: Partial<StoreNode> & { free?: number } = {}): StoreNode =>
  ({
    id,
    group: `disk ${id}`,
    role: 'active',
    state: 'online',
    space: { freeBytes: more.free ?? 50, totalBytes: 100 },
    ...more,
  }) as unknown as StoreNode;

const good = (...nodes: string[]) => ({ replicas: nodes.map((id) => ({ node: id, state: 'good' as const })) });

test('nothing is given up when no copy is to spare, or when fewer good ones are here than shall stay', () => {
  const nodes = [node('a'), node('b'), node('c', { state: 'offline' })];
  assert.equal(chooseKept(good('a', 'b'), 2, nodes), undefined);
  assert.equal(chooseKept(good('a', 'c'), 3, nodes), undefined);
  assert.equal(chooseKept(good('b', 'c', 'a'), 3, nodes), undefined);
  assert.equal(chooseKept({ replicas: [{ node: 'a', state: 'damaged' }, ...good('c').replicas] }, 1, nodes), undefined);
});

test('what stays is good, here, in different failure groups, and where there is much room', () => {
  const nodes = [
    node('a', { group: 'one', free: 90 }),
    node('b', { group: 'one', free: 80 }),
    node('c', { group: 'two', free: 10 }),
    node('d', { role: 'draining', group: 'three', free: 99 }),
    node('e', { state: 'offline', group: 'four', free: 99 }),
  ];
  assert.deepEqual(chooseKept(good('a', 'b', 'c', 'd', 'e'), 2, nodes), ['a', 'c']);
  assert.deepEqual(chooseKept(good('a', 'b', 'c', 'd', 'e'), 1, nodes), ['a']);
  assert.deepEqual(chooseKept(good('d', 'e', 'c'), 1, nodes), ['c']);
  const withBad = { replicas: [{ node: 'a', state: 'short' as const }, ...good('b', 'c').replicas] };
  assert.deepEqual(chooseKept(withBad, 2, nodes), ['b', 'c']);
});

test('a copy that is away on purpose counts for nothing and stays', () => {
  const nodes = [node('a'), node('b'), node('usb', { role: 'away', state: 'offline' })];
  assert.equal(chooseKept(good('a', 'usb'), 1, nodes), undefined);
  assert.deepEqual(chooseKept(good('a', 'b', 'usb'), 1, nodes), ['a', 'usb']);
});
