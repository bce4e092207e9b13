import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { copyTarget } from '../../src/store/copy-target.js';
import { type ForecastNode, forecastLoss, healingMs } from '../../src/store/loss-forecast.js';
import type { PlacementNode } from '../../src/store/placement.js';

const node = (id: string, changes: Partial<ForecastNode> = {}): ForecastNode => ({
  id,
  group: id,
  weight: 1,
  usedBytes: 0,
  openBytes: 0,
  freeBytes: 1000,
  sizeBytes: 1000,
  writable: true,
  readable: true,
  ...changes,
});

const segment = (id: string, nodes: string, lengthBytes = 100, states: Readonly<Record<string, string>> = {}) => ({
  id,
  lengthBytes,
  replicas: [...nodes].map((name) => ({ node: name, state: states[name] ?? 'good' })),
});

const forecast = (
  segments: readonly ReturnType<typeof segment>[],
  nodes: readonly ForecastNode[],
  lost: string,
  { copies = 2, reserveBytes = 0 } = {},
) => forecastLoss({ segments, nodes, lost: [...lost], wantedCopies: () => copies, reserveBytes });

test('what has its only good copies there cannot be read, and what keeps one is endangered until it is healed', () => {
  const segments = [segment('1', 'ab'), segment('2', 'bc'), segment('3', 'ac', 100, { c: 'damaged' })];
  const found = forecast(
    segments,
    [...'abc'].map((id) => node(id)),
    'a',
  );
  assert.deepEqual(found.unreadable, ['3']);
  assert.deepEqual(found.single, ['1']);
  assert.deepEqual(found.copies, [{ segment: '1', node: 'c', bytes: 100 }]);
  assert.deepEqual(found.unhealed, []);
  assert.equal(healingMs(found, 50), 2000);
});

test('without another disk protection does not return; copies on nodes that are away now do not count', () => {
  const segments = [segment('1', 'ab'), segment('2', 'bc')];
  const nodes = [node('a'), node('b'), node('c', { readable: false, writable: false })];
  const found = forecast(segments, nodes, 'a');
  assert.deepEqual([found.unreadable, found.single, found.unhealed], [[], ['1', '2'], ['1', '2']]);
  assert.deepEqual(forecast(segments, nodes, 'ab').unreadable, ['1', '2']);
});

test('room ends: the reserve is kept, and folders of one file system share what is free', () => {
  const segments = ['1', '2', '3', '4'].map((id) => segment(id, 'ab'));
  const shared = { fileSystem: 'x', freeBytes: 350 };
  const nodes = [node('a'), node('b', { freeBytes: 0 }), node('c', shared), node('d', shared)];
  assert.equal(forecast(segments, nodes, 'a').copies.length, 3);
  assert.deepEqual(forecast(segments, nodes, 'a', { reserveBytes: 120 }).unhealed, ['3', '4']);
});

test('a bad copy on a node that stays is mended where it lies', () => {
  const found = forecast([segment('1', 'ab', 100, { b: 'short' })], [node('a'), node('b'), node('c')], '');
  assert.deepEqual(found.copies, [{ segment: '1', node: 'b', bytes: 100 }]);
});

test('fewest copies first: a third copy takes no room from a second one', () => {
  const segments = [segment('1', 'abc'), segment('2', 'ab', 100, { b: 'good' })];
  const nodes = [node('a'), node('b', { freeBytes: 0 }), node('c', { freeBytes: 0 }), node('d', { freeBytes: 100 })];
  const found = forecast(segments, nodes, 'a', { copies: 3 });
  assert.deepEqual(
    found.copies.map((copy) => copy.segment),
    ['2'],
  );
});

/** Removes the nodes and heals by the rules written out plainly: again and again the most endangered segment first. */
function removeAndHeal(
  segments: readonly ReturnType<typeof segment>[],
  nodes: readonly PlacementNode[],
  lost: readonly string[],
  copies: number,
): { readonly good: Map<string, string[]>; readonly copied: number } {
  const left = nodes.filter(({ id }) => !lost.includes(id)).map((each) => ({ ...each }));
  const good = new Map<string, string[]>();
  for (const { id, replicas } of segments)
    good.set(
      id,
      replicas.map((replica) => replica.node).filter((name) => left.some((each) => each.id === name)),
    );
  let copied = 0;
  const tried = new Set<string>();
  for (;;) {
    const open = segments.filter(({ id }) => {
      const count = good.get(id)!.length;
      return count > 0 && count < copies && !tried.has(`${id}/${count}`);
    });
    open.sort((a, b) => good.get(a.id)!.length - good.get(b.id)!.length || (a.id < b.id ? -1 : 1));
    const [next] = open;
    if (!next) return { good, copied };
    const holders = good.get(next.id)!;
    tried.add(`${next.id}/${holders.length}`);
    const { id: name, lengthBytes } = next;
    const request = { segment: name, lengthBytes, holders, kept: holders, nodes: left, reserveBytes: 10 };
    const target = copyTarget({ ...request, by: 'room' });
    const chosen = left.find(({ id }) => id === target);
    if (!chosen) continue;
    chosen.usedBytes += lengthBytes;
    chosen.freeBytes -= lengthBytes;
    holders.push(chosen.id);
    copied += lengthBytes;
  }
}

test('the forecast is what removing and healing does', () => {
  const names = [...'abcdef'];
  const volume = fc.record({
    nodes: fc.array(fc.record({ free: fc.nat(900), group: fc.constantFrom('g', 'h', 'i', 'j') }), {
      minLength: 1,
      maxLength: 6,
    }),
    rows: fc.array(
      fc.record({
        holders: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }),
        bytes: fc.integer({ min: 1, max: 200 }),
      }),
      { maxLength: 25 },
    ),
    lost: fc.subarray(names),
    copies: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(volume, ({ nodes: figures, rows, lost, copies }) => {
      const nodes = figures.map(({ free, group }, index) =>
        node(names[index]!, { group, freeBytes: free, sizeBytes: free + 100 }),
      );
      const segments = rows.flatMap(({ holders, bytes }, index) => {
        const there = holders.filter((each) => each < nodes.length).map((each) => names[each]!);
        return there.length === 0 ? [] : [segment(String(index).padStart(3, '0'), there.join(''), bytes)];
      });
      const found = forecastLoss({ segments, nodes, lost, wantedCopies: () => copies, reserveBytes: 10 });
      const { good, copied } = removeAndHeal(segments, nodes, lost, copies);
      const having = (isMeant: (count: number) => boolean) =>
        [...good].filter(([, holders]) => isMeant(holders.length)).map(([id]) => id);
      assert.deepEqual(
        found.unreadable,
        having((count) => count === 0),
      );
      assert.deepEqual([...found.unhealed].sort(), having((count) => count > 0 && count < copies).sort());
      assert.equal(found.copyBytes, copied);
      for (const { segment: id, node: target } of found.copies) assert.ok(good.get(id)!.includes(target));
    }),
    { numRuns: 300 },
  );
});
