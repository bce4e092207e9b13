import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { productionSafety } from '../../src/core/safety-parameters.js';
import {
  availableBytes,
  type CapacityNode,
  healsByItself,
  nodeLimits,
  unknownBytes,
} from '../../src/store/capacity.js';
import { FilledNodes, type NodeFigures, segmentBytes } from './filled-nodes.js';

const disk = (freeBytes: number, changes: Partial<CapacityNode> = {}): CapacityNode => {
  const name = `disk-${names++}`;
  return { group: name, fileSystem: name, usedBytes: 0, freeBytes, writable: true, ...changes };
};
let names = 0;
const room = (copies: number, nodes: readonly CapacityNode[], storedBytes = 0) =>
  availableBytes({ copies, nodes, reserveBytes: 0, storedBytes });

const heals = (copies: number, nodes: readonly CapacityNode[]) =>
  healsByItself({ copies, nodes, reserveBytes: 0, storedBytes: 0 });

test('what can be stored leaves room to heal the loss of the largest disk', () => {
  assert.equal(room(2, [disk(100), disk(100), disk(100)]), 100);
  assert.equal(room(2, [disk(100), disk(100), disk(100), disk(100)]), 150);
  assert.equal(room(2, [disk(800), disk(400), disk(200), disk(100), disk(100)]), 400);
  assert.equal(room(2, [disk(200), disk(100), disk(100)]), 100);
});

test('where no loss could be healed it is the plain capacity, and that is known', () => {
  const two = [disk(100), disk(70)];
  assert.equal(room(2, two), 70);
  assert.equal(heals(2, two), false);
  assert.equal(heals(2, [...two, disk(50)]), true);
  assert.equal(heals(3, [...two, disk(50)]), false);
  assert.equal(room(1, [disk(100), disk(70)]), 170);
  assert.equal(room(2, [disk(100)]), 100);
  assert.equal(room(2, []), 0);
});

test('two folders of one disk are no third disk', () => {
  const folder = { group: 'first', fileSystem: 'first' };
  const nodes = [disk(100, folder), disk(100, folder), disk(80)];
  assert.equal(room(2, nodes), 80);
  assert.equal(heals(2, nodes), false);
  assert.equal(heals(2, [...nodes, disk(90)]), true);
});

test('folders of one file system share its room, and what is lost with a folder stays there', () => {
  const folder = () => disk(900, { group: 'disk', fileSystem: 'disk' });
  assert.equal(room(3, [folder(), folder(), folder()]), 300);
  assert.equal(room(2, [folder(), folder(), folder()]), 337, 'of 450, a quarter for what is in the lost one');
});

test('a disk that leaves changes nothing in the figure; what it held still finds room', () => {
  const full = [disk(40, { usedBytes: 60 }), disk(40, { usedBytes: 60 }), disk(40, { usedBytes: 60 })];
  assert.equal(room(2, full, 90), 10);
  const [first, ...others] = full;
  assert.equal(room(2, [{ ...first!, writable: false }, ...others], 90), 10);
});

test('a small disk beside two large ones is no place to heal them, and takes no room from them', () => {
  const nodes = [disk(1000), disk(1000), disk(10)];
  assert.equal(room(2, nodes), 1000);
  assert.equal(heals(2, nodes), false);
  const [first, ...others] = nodes;
  assert.equal(room(2, [{ ...first!, writable: false }, ...others]), 10);
  assert.equal(room(2, [disk(1000), disk(1000), disk(900)]), 900);
});

test('a disk that was not seen since the start is taken for large enough', () => {
  const away = disk(unknownBytes, { usedBytes: 50, writable: false });
  assert.equal(room(2, [away, disk(50, { usedBytes: 50 }), disk(50, { usedBytes: 50 })], 75), 25);
});

test('nothing is left, and never less than nothing, when a loss could not be healed any more', () => {
  const nodes = [disk(10, { usedBytes: 90 }), disk(10, { usedBytes: 90 }), disk(10, { usedBytes: 90 })];
  assert.equal(room(2, nodes, 135), 0);
});

test('a segment is a 64th of the smallest node, at least 4 MiB, at most the limit', () => {
  const MiB = 1024 * 1024;
  const segmentMiB = (...totals: number[]) => nodeLimits(productionSafety, totals).segmentBytes / MiB;
  assert.equal(segmentMiB(1024 * 1024 * MiB), 128);
  assert.equal(segmentMiB(1024 * 1024 * MiB, 1024 * MiB), 16);
  assert.equal(segmentMiB(64 * MiB), 4);
  assert.equal(segmentMiB(), 128);
});

/** A segment is at most a 64th of the smallest node. */
const sizes = fc.integer({ min: 64, max: 400 });
const disks = fc.array(fc.record({ size: sizes }), { minLength: 1, maxLength: 8 });
const grouped = fc.array(fc.record({ size: sizes, group: fc.constantFrom('a', 'b', 'c', 'd') }), {
  minLength: 2,
  maxLength: 8,
});
const weighted = fc.array(fc.record({ size: sizes, weight: fc.constantFrom(0.5, 1, 2) }), {
  minLength: 1,
  maxLength: 8,
});
/** Some folders on each of some disks. */
const folders = fc
  .array(fc.record({ size: sizes, count: fc.integer({ min: 1, max: 3 }) }), { minLength: 1, maxLength: 4 })
  .map((rows) =>
    rows.flatMap(({ size, count }, index) =>
      Array.from({ length: count }, () => ({ size, group: `disk-${index}`, fileSystem: `disk-${index}` })),
    ),
  );

function filled(figures: readonly NodeFigures[], copies: number): { volume: FilledNodes; predicted: number } {
  const volume = new FilledNodes(figures, copies);
  const predicted = availableBytes(volume.capacity) / segmentBytes;
  volume.fill();
  return { volume, predicted };
}

for (const [what, figures] of Object.entries({ disks, grouped, folders, weighted })) {
  test(`the figure is what filling achieves, within one segment a node: ${what}`, () => {
    fc.assert(
      fc.property(figures, fc.integer({ min: 1, max: 3 }), (nodes, wanted) => {
        const { volume, predicted } = filled(nodes, Math.min(wanted, nodes.length));
        const stored = volume.segments.length;
        assert.ok(Math.abs(stored - predicted) <= nodes.length, `${stored} stored, ${predicted} predicted`);
      }),
      { numRuns: 15 },
    );
  });
}

test('the figure does not jump when a small disk of great weight is filled beyond the line', () => {
  const sizesAndWeights = [
    [96, 2],
    [144, 0.5],
    [264, 1],
    [312, 0.5],
  ] as const;
  const { volume, predicted } = filled(
    sizesAndWeights.map(([size, weight]) => ({ size, weight })),
    3,
  );
  assert.ok(Math.abs(volume.segments.length - predicted) <= 4, `${volume.segments.length}, predicted ${predicted}`);
});

/** Predicted, and stored from then on, after something changed. */
function filledFurther(volume: FilledNodes): { readonly stored: number; readonly predicted: number } {
  const before = volume.segments.length;
  const predicted = availableBytes(volume.capacity) / segmentBytes;
  volume.fill();
  return { stored: volume.segments.length - before, predicted };
}

test('the figure is what filling achieves, within one segment a node: disks added to full ones', () => {
  const added = fc.array(fc.record({ size: sizes }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(disks, added, fc.integer({ min: 1, max: 3 }), (first, others, wanted) => {
      const { volume } = filled(first, Math.min(wanted, first.length));
      for (const figures of others) volume.join(figures);
      const { stored, predicted } = filledFurther(volume);
      assert.ok(Math.abs(stored - predicted) <= volume.nodes.length, `${stored} stored, ${predicted} predicted`);
    }),
    { numRuns: 15 },
  );
});

test('the figure is what filling achieves, within one segment a node: two small disks of five away', () => {
  const five = fc.tuple(...[96, 96, 400, 400, 400].map((max) => fc.integer({ min: 64, max })));
  fc.assert(
    fc.property(five, fc.integer({ min: 2, max: 3 }), fc.nat(100), (all, copies, percent) => {
      const volume = new FilledNodes(
        all.map((size) => ({ size })),
        copies,
      );
      const wanted = (availableBytes(volume.capacity) / segmentBytes) * (percent / 100);
      while (volume.segments.length < wanted && volume.store());
      for (const node of volume.nodes.slice(0, 2)) node.writable = node.readable = false;
      const { stored, predicted } = filledFurther(volume);
      assert.ok(Math.abs(stored - predicted) <= volume.nodes.length, `${stored} stored, ${predicted} predicted`);
    }),
    { numRuns: 15 },
  );
});

for (const [what, figures] of Object.entries({ disks, grouped, folders })) {
  test(`when the figure is used up, any loss is healed if the volume says so, but for one segment a node: ${what}`, () => {
    fc.assert(
      fc.property(figures, fc.integer({ min: 2, max: 3 }), (nodes, wanted) => {
        const { volume } = filled(nodes, Math.min(wanted, nodes.length));
        fc.pre(healsByItself(volume.capacity));
        for (const lost of volume.losses()) {
          const { unhealed } = volume.lose(...lost);
          // Rounding: segments are whole, and their room is on whole nodes.
          assert.ok(
            unhealed.length <= nodes.length,
            `${unhealed.length} of ${volume.segments.length} with ${lost} lost`,
          );
        }
      }),
      { numRuns: 15 },
    );
  });
}

test('three copies in two failure groups: any node is healed', () => {
  const inGroups = (g: readonly number[], h: readonly number[]) => [
    ...g.map((size) => ({ size, group: 'g' })),
    ...h.map((size) => ({ size, group: 'h' })),
  ];
  for (const nodes of [inGroups([840, 680, 690, 390], [230, 280]), inGroups([860, 930, 900, 300, 110], [580])]) {
    const { volume } = filled(nodes, 3);
    for (const lost of volume.losses()) assert.deepEqual(volume.lose(...lost).unhealed, [], `${lost}`);
  }
});
