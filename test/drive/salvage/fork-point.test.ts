import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forkPoint, type HistoryLine } from '../../../src/drive/salvage/fork-point.js';

type Epoch = readonly [id: string, parent: string | null, lastSequence: number];

const line = (sequence: number, ...epochs: readonly Epoch[]): HistoryLine => ({
  tip: { sequence, epoch: epochs.at(-1)![0] },
  epochs: epochs.map(([id, parent, lastSequence]) => ({ id, parent, lastSequence })),
});

const first: Epoch = ['first', null, 0];

test('two histories share what both of them count of their newest common epoch', () => {
  const cases: readonly (readonly [what: string, one: HistoryLine, other: HistoryLine, shared: number])[] = [
    ['both went on', line(30, first, ['x', 'first', 12]), line(25, first, ['y', 'first', 9]), 9],
    ['only one went on', line(14, first), line(25, first, ['y', 'first', 9]), 9],
    ['nothing beyond', line(8, first), line(25, first, ['y', 'first', 9]), 8],
    [
      'several epochs later',
      line(30, first, ['m', 'first', 5], ['x', 'm', 20]),
      line(40, first, ['m', 'first', 5]),
      20,
    ],
    ['no common epoch is known', line(30, ['x', 'gone', 12]), line(25, ['y', 'lost', 9]), 0],
  ];
  for (const [what, one, other, shared] of cases) {
    assert.equal(forkPoint(one, other), shared, what);
    assert.equal(forkPoint(other, one), shared, `${what}, the other way`);
  }
});
