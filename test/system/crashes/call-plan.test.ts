/** Which calls of a log are struck: what may not be left out never is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chance } from '../tools/seeded.js';
import { planCalls, thinned, whileTime } from './tools/call-plan.js';
import { isSoak } from './tools/chosen-points.js';
import type { Strike } from './tools/strike-log.js';

const write = (path: string): Strike => ({ call: 'write', path });
const sync = (path: string): Strike => ({ call: 'fsync', path });
const times = (count: number, strike: Strike): Strike[] => Array.from({ length: count }, () => strike);
const planned = (log: readonly (Strike | undefined)[], options = {}) => {
  const { points, calls } = planCalls(log, { chance: new Chance(7), ...options });
  return { numbers: points.map(({ at }) => at), calls };
};

test('of a row of writes into one file the first, the last and one between are struck', { skip: isSoak }, () => {
  const { numbers, calls } = planned([sync('/0/a'), ...times(20, write('/0/wal')), sync('/0/wal')]);
  assert.equal(calls, 22);
  assert.equal(numbers.length, 5);
  const [before, first, between, last, after] = numbers;
  assert.deepEqual([before, first, last, after], [1, 2, 21, 22]);
  assert.ok(between! > 2 && between! < 21);
  assert.equal(new Set(planned(times(20, write('/0/wal')), { between: 2 }).numbers).size, 4);
});

test('a sync, an acknowledgement or another file ends a row; syncs and names are all struck', { skip: isSoak }, () => {
  const everyCall = (log: readonly (Strike | undefined)[]) => {
    const { numbers, calls } = planned(log);
    assert.deepEqual(
      numbers,
      Array.from({ length: calls }, (_, index) => 1 + index),
    );
  };
  everyCall([...times(3, write('/0/wal')), undefined, ...times(3, write('/0/wal'))]);
  everyCall([...times(3, write('/0/wal')), sync('/0/wal'), ...times(3, write('/0/wal'))]);
  everyCall([...times(2, write('/1/a')), ...times(2, write('/2/a')), ...times(2, write('/1/a'))]);
  everyCall(times(9, sync('/1/a')));
  everyCall(times(9, { call: 'rename', path: '/1/a' }));
});

test('of one disk only its own calls are numbered, and only what was asked for is struck', () => {
  const log = [write('/0/wal'), write('/1/a'), sync('/1/a'), write('/2/a'), write('/1/a')];
  const folder = { index: 1, path: '/1' };
  assert.deepEqual(planned(log, { folder }).numbers, [1, 2, 3]);
  assert.deepEqual(planned(log, { folder, only: 'write' }).numbers, [1, 3]);
  assert.deepEqual(planned(log, { only: 'fsync' }).numbers, [3]);
});

test('a share is spread evenly', { skip: isSoak }, () => {
  const points = Array.from({ length: 12 }, (_, index) => ({ at: 1 + index }));
  const numbers = (wanted: number, outOf: number) => thinned(points, wanted, outOf).map(({ at }) => at);
  assert.deepEqual(numbers(1, 1).length, 12);
  assert.deepEqual(numbers(1, 3), [3, 6, 9, 12]);
  assert.deepEqual(numbers(2, 3).length, 8);
});

test('a share is struck first and in any case, the others while there is time', () => {
  const points = Array.from({ length: 6 }, (_, index) => ({ at: 1 + index }));
  let questions = 0;
  // The first question comes before anything is struck: it begins the time.
  const numbers = (most: number) => [...whileTime(points, [1, 2], () => questions++ < most)].map(({ at }) => at);
  assert.deepEqual(numbers(0), [2, 4, 6]);
  questions = 0;
  assert.deepEqual(numbers(3), [2, 4, 6, 1, 3]);
  questions = 0;
  assert.deepEqual(numbers(9), [2, 4, 6, 1, 3, 5]);
});
