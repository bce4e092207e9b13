import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasCode } from '../../src/core/errors.js';
import { checkName, nameKey } from '../../src/meta/name-key.js';

describe('names of entries', () => {
  it('have the same key in every Unicode form, and another in another case', () => {
    assert.equal(nameKey('u\u0308ber'), nameKey('\u00fcber'));
    assert.equal(nameKey('\u212b'), nameKey('\u00c5'), 'the Angstrom sign is the letter');
    assert.notEqual(nameKey('A'), nameKey('a'));
    assert.notEqual(nameKey('\ufb01'), nameKey('fi'), 'compatibility forms are other names');
    assert.equal(nameKey('plain name.txt'), 'plain name.txt');
  });

  it('are as free as local file systems allow', () => {
    const long = ['x'.repeat(255), '\u00e4'.repeat(127), '\u{1f600}'.repeat(63)];
    for (const name of [' ', '...', '.hidden', 'a\\b', 'CON', 'a:b', '\u202e', '\n', '~$x', '-', ...long])
      checkName(name);
  });

  it('are refused with a reason when no file system could keep them', () => {
    const long = ['x'.repeat(256), '\u00e4'.repeat(128), '\u{1f600}'.repeat(64)];
    for (const name of ['', '.', '..', '/', 'a/b', '\0', 'a\0', '\ud800', 'a\udc00b', '\udc00\ud800', ...long]) {
      assert.throws(
        () => checkName(name),
        (error) => hasCode(error, 'INVALID_NAME') && error.details.name === name,
        JSON.stringify(name),
      );
    }
  });
});
