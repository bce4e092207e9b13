/** Three seconds of nearly good inputs. For longer: fuzz/run.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzz } from './fuzz/fuzz.js';

test('nearly good inputs are refused as they should be, or read as what they are', async (t) => {
  const { tried, finds } = await fuzz({ seed: 1, milliseconds: 3_000 });
  const total = Object.values(tried).reduce((sum, count) => sum + count, 0);
  t.diagnostic(`${total} inputs: ${JSON.stringify(tried)}`);
  assert.deepEqual(finds, []);
});
