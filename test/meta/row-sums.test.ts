import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openConnection } from '../../src/meta/sqlite/connection.js';
import { RowInsert } from '../../src/meta/sqlite/row-insert.js';
import { addToSum, verifyAllRows } from '../../src/meta/sqlite/row-sums.js';
import { migrate } from '../../src/meta/sqlite/schema.js';
import { withCode } from '../suites/index-driver.js';

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

test('a row that brings its own sum is read as it was written, whatever its texts and bytes are', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-sums-'));
  const connection = openConnection({ file: join(folder, 'index.db'), role: 'writer', durability: 'off' });
  context.after(async () => {
    connection.close();
    await rm(folder, { recursive: true });
  });
  migrate(connection);
  const [pages, entries] = [new RowInsert(connection, 'page'), new RowInsert(connection, 'entry')];
  const names = ['', 'a\0b', 'é', '👾', '\ud83d', 'x\udc7e\udc7e', "X'00'"];
  const numbers = [0, -1, 2 ** 31, 2 ** 53 - 1, -(2 ** 40)];
  names.forEach((name, at) => {
    const time = numbers[at % numbers.length]!;
    entries.run(1, `${at}${name}`, at + 2, name, 0, null, time, '', time, time, 1, 0);
    pages.run(at, 0, Buffer.from(name), Buffer.alloc(at, 0xe0 + at));
  });
  assert.throws(() => pages.run(1, 0, Buffer.alloc(0), Buffer.alloc(0)));
  connection.exec('UPDATE counters_row SET row_totals = row_totals()');
  verifyAllRows(connection);
  connection.exec(`INSERT INTO page_row (content, number, digest, chunks) VALUES (99, 0, x'00', x'00')`);
  assert.throws(() => verifyAllRows(connection), withCode('CORRUPT'));
});
