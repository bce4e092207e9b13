import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { productionSafety } from '../../src/core/safety-parameters.js';
import { availableBytes, nodeLimits } from '../../src/store/capacity.js';
import { type PlacementNode, place } from '../../src/store/placement.js';

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

/** Fills by `place`, segments of one byte on the emptiest nodes, until a copy is missing. */
function fillBytes(freeBytes: readonly number[], copies: number, reserveBytes: number): number {
  const nodes = freeBytes.map((free, index) => ({ ...node(`n${index}`), freeBytes: free, usedBytes: 1000 - free }));
  for (let stored = 0; ; stored += 1) {
    const chosen = place({ segment: segmentId(stored), copies, nodes, segmentBytes: 1, reserveBytes });
    if (chosen.length < copies) return stored;
    for (const id of chosen) {
      const holder = nodes.find((n) => n.id === id)!;
      holder.freeBytes -= 1;
      holder.usedBytes += 1;
    }
  }
}

test('availableBytes is what filling by placement reaches on nodes with disks of their own', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 5 }),
      (freeBytes, copies, reserveBytes) => {
        const nodes = freeBytes.map((free, index) => ({ freeBytes: free, writable: true, fileSystem: index }));
        const available = availableBytes({ copies, nodes, reserveBytes });
        const reached = fillBytes(freeBytes, Math.min(copies, nodes.length), reserveBytes);
        assert.ok(Math.abs(available - reached) <= 1, `${available} against ${reached}`);
      },
    ),
    { numRuns: 300 },
  );
});

test('availableBytes is the largest x for which the room suffices, shared file systems counted once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ fileSystem: fc.integer({ min: 0, max: 3 }), writable: fc.boolean() }), { maxLength: 6 }),
      fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 10 }),
      (rows, free, copies, reserveBytes) => {
        const nodes = rows.map((row) => ({ ...row, freeBytes: free[row.fileSystem]! }));
        const writable = nodes.filter((n) => n.writable);
        const wanted = Math.min(copies, writable.length);
        const suffices = (x: number) => {
          let room = 0;
          for (const fileSystem of new Set(writable.map((n) => n.fileSystem))) {
            const count = writable.filter((n) => n.fileSystem === fileSystem).length;
            room += Math.min(Math.max(0, free[fileSystem]! - count * reserveBytes), count * x);
          }
          return room >= wanted * x;
        };
        let largest = 0;
        while (wanted > 0 && suffices(largest + 1)) largest += 1;
        assert.equal(availableBytes({ copies, nodes, reserveBytes }), largest);
      },
    ),
    { numRuns: 500 },
  );
});

test('three folders of one disk hold a third each, and without a node nothing fits', () => {
  const folder = { freeBytes: 900, writable: true, fileSystem: 'disk' };
  assert.equal(availableBytes({ copies: 3, nodes: [folder, folder, folder], reserveBytes: 0 }), 300);
  assert.equal(availableBytes({ copies: 2, nodes: [folder, folder, folder], reserveBytes: 100 }), 300);
  assert.equal(availableBytes({ copies: 2, nodes: [], reserveBytes: 0 }), 0);
  assert.equal(availableBytes({ copies: 2, nodes: [{ ...folder, writable: false }], reserveBytes: 0 }), 0);
});

test('a segment is a 64th of the smallest node, at least 4 MiB, at most the limit', () => {
  const MiB = 1024 * 1024;
  const segmentMiB = (...totals: number[]) => nodeLimits(productionSafety, totals).segmentBytes / MiB;
  assert.equal(segmentMiB(1024 * 1024 * MiB), 128);
  assert.equal(segmentMiB(1024 * 1024 * MiB, 1024 * MiB), 16);
  assert.equal(segmentMiB(64 * MiB), 4);
  assert.equal(segmentMiB(), 128);
});
