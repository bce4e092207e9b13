/** Which nodes count as lost, and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Absence, graceLeftMs, lostNodes, uncountedNodes } from '../../src/maintenance/healing/grace.js';
import type { MaintenanceNode } from '../../src/maintenance/maintenance-host.js';
import { ManualClock } from '../support/manual-clock.js';

const graceMs = 600_000;

function hostWith(nodes: readonly Partial<MaintenanceNode>[], absences: Readonly<Record<string, Absence>> = {}) {
  const clock = new ManualClock();
  const since = clock.now();
  const all = nodes.map((node) => ({ role: 'active', state: 'online', since, ...node }) as MaintenanceNode);
  const host = {
    clock,
    safety: { healGraceMs: graceMs },
    reader: { nodes: () => all.map(({ id, role }) => ({ id, role })) },
    nodes: () => all,
    absenceOf: (id: string) => absences[id] ?? 'unexplained',
  } as unknown as Parameters<typeof lostNodes>[0];
  return { host, clock };
}

test('a node that is away is lost after the grace, sooner the more are away', async () => {
  const { host, clock } = hostWith([{ id: 'a' }, { id: 'b', state: 'offline' }]);
  assert.deepEqual([lostNodes(host), graceLeftMs(host)], [[], graceMs]);
  await clock.advance(graceMs);
  assert.deepEqual([lostNodes(host), graceLeftMs(host)], [['b'], null]);
  const two = hostWith([{ id: 'a', state: 'offline' }, { id: 'b', state: 'offline' }, { id: 'c' }]);
  await two.clock.advance(graceMs / 2);
  assert.deepEqual(lostNodes(two.host), ['a', 'b']);
});

test('one that was unplugged on purpose is waited for, and shortens the grace of no other', async () => {
  const nodes = [
    { id: 'a', state: 'offline' as const },
    { id: 'b', state: 'offline' as const },
  ];
  const { host, clock } = hostWith(nodes, { a: 'excused' });
  assert.equal(graceLeftMs(host), graceMs);
  await clock.advance(100 * graceMs);
  assert.deepEqual(lostNodes(host), ['b']);
});

test('one that is given up is lost at once', async () => {
  const { host } = hostWith([{ id: 'a', state: 'offline' }, { id: 'b' }], { a: 'given-up', b: 'given-up' });
  assert.deepEqual(lostNodes(host), ['a'], 'and one that is here is not');
});

test('one that is away on purpose is never lost, and its copies never count', async () => {
  const { host, clock } = hostWith([{ id: 'a', role: 'away', state: 'offline' }, { id: 'b' }]);
  await clock.advance(100 * graceMs);
  assert.deepEqual([lostNodes(host), graceLeftMs(host), uncountedNodes(host)], [[], null, ['a']]);
});
