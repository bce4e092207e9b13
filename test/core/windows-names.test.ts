import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { twins, windowsName } from '../../src/core/text/windows-names.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const usable = /^(?!(?:con|prn|aux|nul|com\d|lpt\d) *(?:\.|$))[^\x01-\x1f"*:<>?|\\]*[^. \x01-\x1f"*:<>?|\\]$/i;

describe('names for Windows', () => {
  it('are the names themselves where Windows can use them', () => {
    for (const name of ['a', 'a.txt', '.hidden', 'a b', 'console', 'nul1', 'Bücher', '~$x.docx', 'a;b,c=d', '😀'])
      assert.equal(windowsName(name), name);
  });

  it('have look-alikes where it cannot, and only there', () => {
    assert.equal(windowsName('a:b'), 'a：b');
    assert.equal(windowsName('Aux'), 'Ａux');
    assert.equal(windowsName('com1.txt'), 'ｃom1.txt');
    assert.equal(windowsName('nul '), 'nul␠');
    assert.equal(windowsName('...'), '..．');
  });

  it('can always be used, and each letter leads back to the one that is stored', () => {
    const letter = fc.constantFrom(...'ab.: *?"<>|\\conCONpulxt1\x01\x1fäÄß');
    fc.assert(
      fc.property(fc.array(letter, { minLength: 1, maxLength: 12 }), (letters) => {
        const name = letters.join('');
        const shown = windowsName(name);
        assert.match(shown, usable);
        assert.equal(shown.length, name.length);
        for (const [at, sent] of [...shown].entries())
          assert.ok(twins(sent).includes(letters[at]!), `${sent} at ${at}`);
      }),
    );
  });

  it('are compared without case where a letter has both', () => {
    assert.deepEqual(twins('É').sort(), ['É', 'é']);
    assert.deepEqual(twins('1'), ['1']);
    assert.deepEqual(twins('ß'), ['ß'], 'its upper case is two letters');
  });
});
