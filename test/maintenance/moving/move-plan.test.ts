import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type MoveNode, type MovePlan, planDrain, planRebalance } from '../../../src/maintenance/moving/move-plan.js';
import { FilledNodes, type NodeFigures, segmentBytes } from '../../store/filled-nodes.js';

const figuresOf = (volume: FilledNodes, draining: readonly string[] = []) => ({
  segments: volume.segments,
  nodes: volume.nodes.map((node): MoveNode => ({ ...node, draining: draining.includes(node.id) })),
  wantedCopies: () => volume.copies,
  segmentBytes,
  reserveBytes: 0,
});

function storeMany(volume: FilledNodes, segments: number): void {
  for (let stored = 0; stored < segments && volume.store(); stored += 1);
}

/** Holders of each segment after the moves; no move may be one that cannot be carried out. */
function after(volume: FilledNodes, { moves }: MovePlan): Map<string, Set<string>> {
  const holders = new Map(volume.segments.map(({ id, replicas }) => [id, new Set(replicas.map(({ node }) => node))]));
  for (const { segment, from, to } of moves) {
    const nodes = holders.get(segment)!;
    assert.ok(nodes.delete(from), 'it is there');
    if (to === null) continue;
    assert.ok(!nodes.has(to), 'no node above one copy of a segment');
    nodes.add(to);
  }
  return holders;
}

const bytesOn = (holders: Map<string, Set<string>>, node: string): number =>
  [...holders.values()].filter((nodes) => nodes.has(node)).length * segmentBytes;

const groupsOf = (volume: FilledNodes, nodes: Iterable<string>): number =>
  new Set([...nodes].map((id) => volume.nodes.find((node) => node.id === id)!.group)).size;

const disks = fc.array(fc.record({ size: fc.integer({ min: 64, max: 400 }) }), { minLength: 3, maxLength: 8 });
const grouped = fc.array(
  fc.record({ size: fc.integer({ min: 64, max: 400 }), group: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
  { minLength: 3, maxLength: 8 },
);

function half(nodes: readonly NodeFigures[], copies: number): FilledNodes {
  const volume = new FilledNodes(nodes, copies);
  volume.fill();
  const kept = Math.floor(volume.segments.length / 2);
  const again = new FilledNodes(nodes, copies);
  storeMany(again, kept);
  return again;
}

for (const [what, figures] of Object.entries({ disks, grouped })) {
  test(`a node is emptied by moving what it holds, and no more: ${what}`, () => {
    fc.assert(
      fc.property(figures, fc.nat(), fc.integer({ min: 1, max: 2 }), (nodes, pick, copies) => {
        const volume = half(nodes, copies);
        const leaving = volume.nodes[pick % volume.nodes.length]!;
        const plan = planDrain(figuresOf(volume, [leaving.id]));
        assert.equal(plan.moves.length + plan.stuck.length, leaving.usedBytes / segmentBytes);
        const holders = after(volume, plan);
        assert.equal(bytesOn(holders, leaving.id), plan.stuck.length * segmentBytes);
        for (const nodes of holders.values()) assert.equal(nodes.size, copies);
      }),
      { numRuns: 20 },
    );
  });

  test(`a node that joins takes over its share, and at most 5 % more moves: ${what}`, () => {
    fc.assert(
      fc.property(figures, fc.integer({ min: 64, max: 400 }), fc.integer({ min: 1, max: 2 }), (nodes, size, copies) => {
        const volume = half(nodes, copies);
        volume.join({ size });
        const joined = volume.nodes.at(-1)!;
        // What it would hold if it had been there from the beginning.
        const fresh = new FilledNodes([...nodes, { size }], copies);
        storeMany(fresh, volume.segments.length);
        const share = fresh.nodes.at(-1)!.usedBytes / segmentBytes;
        const plan = planRebalance(figuresOf(volume));
        const holders = after(volume, plan);
        const toJoined = plan.moves.filter(({ to }) => to === joined.id).length;
        // Besides, copies that lay in one failure group may be spread now.
        const spread = plan.moves.length - toJoined;
        const crowded = volume.segments.filter(
          ({ replicas }) =>
            groupsOf(
              volume,
              replicas.map(({ node }) => node),
            ) < copies,
        ).length;
        assert.ok(
          toJoined <= Math.max(share * 1.05, share + volume.nodes.length),
          `${toJoined} of a share of ${share}`,
        );
        assert.ok(plan.moves.length <= share * 1.05 + crowded + volume.nodes.length, `${spread} besides ${toJoined}`);
        for (const { id, replicas } of volume.segments) {
          const now = holders.get(id)!;
          assert.equal(now.size, copies);
          assert.ok(
            groupsOf(volume, now) >=
              groupsOf(
                volume,
                replicas.map(({ node }) => node),
              ),
          );
        }
      }),
      { numRuns: 20 },
    );
  });
}

test('after a plan was carried out there is none, and every node is within one segment of its share', () => {
  fc.assert(
    fc.property(disks, fc.integer({ min: 64, max: 400 }), fc.integer({ min: 1, max: 3 }), (nodes, size, copies) => {
      const volume = half(nodes, copies);
      volume.join({ size });
      const holders = after(volume, planRebalance(figuresOf(volume)));
      const figures = figuresOf(volume);
      const moved = {
        ...figures,
        segments: volume.segments.map((segment) => ({
          ...segment,
          replicas: [...holders.get(segment.id)!].map((node) => ({ node, state: 'good' })),
        })),
        nodes: figures.nodes.map((node) => {
          const usedBytes = bytesOn(holders, node.id);
          return { ...node, usedBytes, freeBytes: node.freeBytes + node.usedBytes - usedBytes };
        }),
      };
      assert.deepEqual(planRebalance(moved).moves, []);
    }),
    { numRuns: 20 },
  );
});

test('copies of a segment in one failure group part as soon as another group is there', () => {
  const volume = new FilledNodes(
    [
      { size: 100, group: 'a' },
      { size: 100, group: 'a' },
    ],
    2,
  );
  storeMany(volume, 30);
  volume.join({ size: 100, group: 'b' });
  const holders = after(volume, planRebalance(figuresOf(volume)));
  for (const nodes of holders.values()) assert.equal(groupsOf(volume, nodes), 2);
});

test('what no other node has room for is stuck', () => {
  const volume = new FilledNodes([{ size: 10 }, { size: 10 }, { size: 3 }], 2);
  storeMany(volume, 10);
  const [leaving] = volume.nodes;
  const { moves, stuck } = planDrain(figuresOf(volume, [leaving!.id]));
  assert.ok(stuck.length > 0);
  assert.equal(moves.length + stuck.length, leaving!.usedBytes / segmentBytes);
});
