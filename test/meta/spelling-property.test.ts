/** Names for Windows, found letter by letter in the index, against a look at every child. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { twins } from '../../src/core/text/windows-names.js';
import { nameKey } from '../../src/meta/name-key.js';
import { openMetaStore } from '../../src/meta/sqlite-meta-store.js';
import { IndexDriver } from '../suites/index-driver.js';

const name = fc
  .array(fc.constantFrom(...'aAbBéÉ:：.．ß1', 'e\u0301', 'E\u0301'), { minLength: 1, maxLength: 3 })
  .map((letters) => letters.join(''))
  .filter((text) => text !== '.' && text !== '..');

function areAlike(stored: string, sent: string): boolean {
  const [one, other] = [[...nameKey(stored)], [...nameKey(sent)]];
  return one.length === other.length && other.every((letter, at) => twins(letter).includes(one[at]!));
}

test('the spelling that the index finds is the exact one, else the only one alike', async () => {
  const property = fc.asyncProperty(fc.array(name, { maxLength: 8 }), name, async (stored, sent) => {
    const store = await openMetaStore({ file: ':memory:' });
    try {
      const driver = await new IndexDriver(store).begin();
      const kept = [...new Map(stored.map((text) => [nameKey(text), text])).values()];
      for (const text of kept) await driver.submit({ kind: 'make-folder', path: [text] });
      const isThere = kept.some((text) => nameKey(text) === nameKey(sent));
      const alike = kept.filter((text) => areAlike(text, sent));
      const expected = !isThere && alike.length === 1 ? alike[0] : sent;
      assert.deepEqual(store.reader.spelling([sent]), [expected]);
    } finally {
      await store.close();
    }
  });
  await fc.assert(property, { numRuns: 150 });
});
