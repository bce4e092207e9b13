import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideRange } from '../../src/http/ranges.js';

const cases: readonly [header: string | undefined, size: number, expected: string | readonly [number, number]][] = [
  [undefined, 10, 'whole'],
  ['bytes=0-4', 10, [0, 5]],
  ['bytes=4-', 10, [4, 10]],
  ['bytes=-3', 10, [7, 10]],
  ['bytes=-30', 10, [0, 10]],
  ['bytes=0-99', 10, [0, 10]],
  ['bytes=9-9', 10, [9, 10]],
  ['BYTES=0-0', 10, [0, 1]],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=10-12', 10, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=0-', 0, 'unsatisfiable'],
  ['bytes=-1', 0, 'unsatisfiable'],
  ['bytes=9-3', 10, 'whole'],
  ['bytes=-', 10, 'whole'],
  ['bytes=0-1,4-5', 10, 'whole'],
  [`bytes=${'0-0,'.repeat(10_000)}0-0`, 10, 'whole'],
  ['chunks=0-4', 10, 'whole'],
  ['bytes=a-b', 10, 'whole'],
  ['bytes=0x0-4', 10, 'whole'],
  ['bytes=99999999999999999999999-', 10, 'unsatisfiable'],
  ['bytes=0-99999999999999999999999', 10, [0, 10]],
];

test('a single range is cut to the file; anything else is the whole body', () => {
  for (const [header, size, expected] of cases) {
    const decision = decideRange(header, size);
    const seen = decision.kind === 'part' ? [decision.start, decision.end] : decision.kind;
    assert.deepEqual(seen, expected, `${header?.slice(0, 40)} of ${size}`);
  }
});
