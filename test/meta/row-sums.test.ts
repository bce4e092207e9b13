import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addToSum } from '../../src/meta/sqlite/row-sums.js';

test('the sum of a large table does not depend on the order of its rows, and taking rows away undoes adding them', () => {
  // Odd sums, and enough of them for the total to wrap more than once.
  const [large, small] = [0xffffffff, 0x80000001];
  const rows = 2_000_000;
  let [forwards, mixed, exact] = [0, 0, 0n];
  for (let row = 0; row < rows; row += 1) forwards = addToSum(forwards, row < rows / 2 ? large : small, 1);
  for (let row = 0; row < rows; row += 1) mixed = addToSum(mixed, row % 2 === 0 ? small : large, 1);
  exact = (BigInt(large) + BigInt(small)) * BigInt(rows / 2);
  assert.equal(forwards, mixed);
  assert.equal(BigInt(forwards), exact % 2n ** 51n);
  for (let row = 0; row < rows; row += 1) mixed = addToSum(mixed, row < rows / 2 ? large : small, -1);
  assert.equal(mixed, 0);
});
