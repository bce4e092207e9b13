import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatHttpDate, formatIsoDate, parseHttpDate } from '../../src/http/http-dates.js';

test('dates are written as the platform writes them, whatever was written before', () => {
  const day = 86_400_000;
  const anyTime = fc.oneof(
    fc.integer({ min: 0, max: 1e14 }),
    // The same few days again and again, and their first and last milliseconds.
    fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0, 1, 999, 1000, day - 1)).map(([n, ms]) => n * day + ms),
  );
  fc.assert(
    fc.property(fc.array(anyTime, { minLength: 1 }), (times) => {
      for (const time of times) {
        assert.equal(formatHttpDate(time), new Date(time).toUTCString());
        assert.equal(formatIsoDate(time), new Date(time).toISOString().replace(/\.\d+Z$/, 'Z'));
      }
    }),
  );
  assert.equal(formatHttpDate(-5), 'Thu, 01 Jan 1970 00:00:00 GMT');
  assert.equal(parseHttpDate(formatHttpDate(784_111_777_000)), 784_111_777_000);
});
