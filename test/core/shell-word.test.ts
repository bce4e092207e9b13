/** Names and paths in commands that a person copies from a message. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shellWord } from '../../src/core/text/shell-word.js';

test('what is one word for a shell stays as it is, and all else becomes one', () => {
  for (const plain of ['node-2', '/disk1/hold', '~/drive', 'a=b,c@d:e']) assert.equal(shellWord(plain), plain);
  assert.equal(shellWord('Blue WD'), "'Blue WD'");
  assert.equal(shellWord("Anna's; rm -rf /"), "'Anna'\\''s; rm -rf /'");
  assert.equal(shellWord(''), "''");
});
