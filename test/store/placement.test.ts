import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type PlacementNode, place } from '../../src/store/placement.js';
import { FilledNodes, segmentBytes } from './filled-nodes.js';

const node = (id: string, changes: Partial<PlacementNode> = {}): PlacementNode => ({
  id,
  group: id,
  weight: 1,
  usedBytes: 0,
  openBytes: 0,
  freeBytes: 1e15,
  writable: true,
  ...changes,
});

const segmentId = (index: number) => `0123456789abcdef-${index.toString(16).padStart(8, '0')}`;

const nodeTable = fc
  .array(
    fc.record({
      group: fc.constantFrom('g1', 'g2', 'g3', 'g4'),
      weight: fc.integer({ min: 1, max: 10 }),
      usedBytes: fc.integer({ min: 0, max: 1000 }),
      openBytes: fc.integer({ min: 0, max: 10 }),
      freeBytes: fc.integer({ min: 0, max: 40 }),
      writable: fc.boolean(),
    }),
    { maxLength: 8 },
  )
  .map((rows) => rows.map((row, index): PlacementNode => ({ id: `n${index}`, ...row })));

test('a placement has different writable nodes with room, as many groups as can be had, and is repeatable', () => {
  fc.assert(
    fc.property(nodeTable, fc.integer({ min: 1, max: 5 }), fc.nat(1000), (nodes, copies, index) => {
      const request = { segment: segmentId(index), copies, nodes, segmentBytes: 10, reserveBytes: 5 };
      const chosen = place(request);
      const usable = nodes.filter((n) => n.writable && n.freeBytes - n.openBytes >= 15);
      assert.equal(new Set(chosen).size, chosen.length);
      assert.ok(chosen.every((id) => usable.some((n) => n.id === id)));
      assert.equal(chosen.length, Math.min(copies, usable.length));
      const groupOf = (id: string) => nodes.find((n) => n.id === id)!.group;
      const groupsToHave = Math.min(chosen.length, new Set(usable.map((n) => n.group)).size);
      assert.equal(new Set(chosen.map(groupOf)).size, groupsToHave);
      assert.deepEqual(place({ ...request, nodes: nodes.toReversed() }), chosen);
    }),
    { numRuns: 500 },
  );
});

test('with fewer groups than copies the further copies are spread over the groups evenly', () => {
  const nodes = ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'].map((id) => node(id, { group: id[0]! }));
  const chosen = place({ segment: segmentId(1), copies: 4, nodes, segmentBytes: 1, reserveBytes: 0 });
  assert.deepEqual(chosen.map((id) => id[0]).sort(), ['a', 'a', 'b', 'b']);
});

/** Places equal segments and returns how many each node got. */
function fill(weights: readonly number[], copies: number, segments: number): number[] {
  const nodes = weights.map((weight, index) => ({ ...node(`n${index}`), weight, usedBytes: 0 }));
  for (let index = 0; index < segments; index += 1) {
    const segment = segmentId(index);
    for (const id of place({ segment, copies, nodes, segmentBytes: 1000, reserveBytes: 0 })) {
      nodes.find((n) => n.id === id)!.usedBytes += 1000;
    }
  }
  return nodes.map(({ usedBytes }) => usedBytes / 1000);
}

/** Feasible shares: in proportion to weight, but never more than each segment once. */
function feasible(weights: readonly number[], copies: number, segments: number): number[] {
  const shares = weights.map(() => 0);
  let left = copies * segments;
  let open = weights.map((_, index) => index);
  for (;;) {
    const weight = open.reduce((sum, index) => sum + weights[index]!, 0);
    const over = open.filter((index) => (left * weights[index]!) / weight > segments);
    if (over.length === 0) {
      for (const index of open) shares[index] = (left * weights[index]!) / weight;
      return shares;
    }
    for (const index of over) shares[index] = segments;
    left -= over.length * segments;
    open = open.filter((index) => !over.includes(index));
  }
}

for (const [what, weights, copies, segments] of [
  ['8, 4, 2, 1, 1', [8, 4, 2, 1, 1], 2, 1000],
  ['8, 4, 2, 1, 1 with one copy', [8, 4, 2, 1, 1], 1, 1000],
  ['8, 4, 2, 1, 1 with three copies', [8, 4, 2, 1, 1], 3, 1000],
  ['100 equal ones', Array.from({ length: 100 }, () => 1), 2, 2000],
] as const) {
  test(`nodes of weights ${what} are filled within 5 % or one segment of what is feasible`, () => {
    const got = fill(weights, copies, segments);
    const wanted = feasible(weights, copies, segments);
    for (const [index, share] of wanted.entries()) {
      const allowed = Math.max(1, share * 0.05);
      assert.ok(Math.abs(got[index]! - share) <= allowed, `node ${index}: ${got[index]} of ${share}`);
    }
  });
}

test('a node that joins takes over only what it is given: ties go to the same nodes as before', () => {
  const before = Array.from({ length: 20 }, (_, index) => node(`n${index}`));
  let kept = 0;
  for (let index = 0; index < 200; index += 1) {
    const request = { segment: segmentId(index), copies: 2, segmentBytes: 1000, reserveBytes: 0 };
    const first = place({ ...request, nodes: before });
    const second = place({ ...request, nodes: [...before, node('joined')] });
    kept += first.filter((id) => second.includes(id)).length;
  }
  // 400 copies over 21 nodes: some 19 move to the new node.
  assert.ok(kept >= 360 && kept < 400, `${kept} of 400 kept`);
});

/** Until no segment fits any more, whatever could be healed afterwards. */
function fillWhole(sizes: readonly number[], copies: number): FilledNodes {
  const volume = new FilledNodes(
    sizes.map((size) => ({ size })),
    copies,
  );
  while (volume.store());
  return volume;
}

/** Plain capacity: as if nothing had to be healed. */
function reachable(sizes: readonly number[], copies: number): number {
  let most = 0;
  while (sizes.reduce((sum, size) => sum + Math.min(size, most + 1), 0) >= copies * (most + 1)) most += 1;
  return most;
}

const levelsAreFair = (sizes: readonly number[], copies: number): void => {
  const most = reachable(sizes, copies);
  const volume = new FilledNodes(
    sizes.map((size) => ({ size })),
    copies,
  );
  for (const quarter of [1, 2, 3]) {
    const stored = Math.floor((most * quarter) / 4);
    while (volume.segments.length < stored) assert.ok(volume.store());
    const fair = feasible(sizes, copies, stored);
    for (const [index, share] of fair.entries()) {
      const got = volume.nodes[index]!.usedBytes / segmentBytes;
      // Segments are whole, fair shares are not.
      const difference = Math.abs(got - Math.round(share));
      assert.ok(difference <= Math.max(1, 0.05 * share), `node ${index}: ${got} of ${share}`);
    }
  }
};

for (const sizes of [[800, 400, 200, 100, 100], [400, 200, 200], Array.from({ length: 100 }, () => 64)]) {
  const name = sizes.length > 10 ? `${sizes.length} equal ones` : sizes.join(', ');
  test(`nodes of sizes ${name} are filled to the same level without any weight`, () => levelsAreFair(sizes, 2));
  test(`of what nodes of sizes ${name} can hold, at least 97 % is used`, () => {
    assert.ok(fillWhole(sizes, 2).segments.length >= 0.97 * reachable(sizes, 2));
  });
}

test('nodes of any sizes are filled to the same level, and to at least 97 % of what they can hold', () => {
  fc.assert(
    fc.property(
      // A segment is at most a 64th of the smallest node.
      fc.array(fc.integer({ min: 64, max: 512 }), { minLength: 2, maxLength: 7 }),
      fc.integer({ min: 1, max: 3 }),
      (sizes, wanted) => {
        const copies = Math.min(wanted, sizes.length);
        levelsAreFair(sizes, copies);
        assert.ok(fillWhole(sizes, copies).segments.length >= 0.97 * reachable(sizes, copies));
      },
    ),
    { numRuns: 40 },
  );
});
