import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DriveError, errorCodes, hasCode } from '../../src/core/errors.js';
import { contentTypeOf } from '../../src/http/content-types.js';
import { refusal, statusOf } from '../../src/http/status.js';
import { decodeTargetPath, encodeName } from '../../src/http/target-path.js';

// biome-ignore lint/suspicious/noControlCharactersInRegex: names cannot have them
const forbidden = /[\x00-\x1f\x7f/\\]/;

test('any name survives the way through a path', () => {
  const character = fc.oneof(
    fc.constantFrom('%', '#', '?', '+', '&', "'", '(', ' ', 'é', 'e\u0301', '😀', '.', ':'),
    fc.string({ unit: 'binary', maxLength: 1 }),
  );
  const name = fc
    .array(character, { minLength: 1, maxLength: 30 })
    .map((parts) => parts.join(''))
    .filter((text) => text !== '' && text !== '.' && text !== '..' && !forbidden.test(text));
  fc.assert(
    fc.property(fc.array(name, { maxLength: 5 }), fc.boolean(), (names, slash) => {
      const path = `/${names.map(encodeName).join('/')}${slash && names.length > 0 ? '/' : ''}`;
      assert.match(path, /^\/(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*$/);
      assert.deepEqual(decodeTargetPath(path), { names, trailingSlash: path.endsWith('/') });
    }),
  );
});

test('a path is decoded once only', () => {
  assert.deepEqual(decodeTargetPath('/a/%252e%252e/b').names, ['a', '%2e%2e', 'b']);
  assert.deepEqual(decodeTargetPath('//a///b//').names, ['a', 'b']);
  assert.deepEqual(decodeTargetPath('/a+b').names, ['a+b']);
});

test('paths that could mean something else are refused', () => {
  const bad = [
    'a',
    '',
    '/..',
    '/a/../b',
    '/%2e%2e',
    '/.%2E/a',
    '/./a',
    '/a%2f..%2fb',
    '/a%5cb',
    '/a\\b',
    '/%00',
    '/a%0d%0ab',
    '/%7f',
    '/%',
    '/%zz',
    '/%ff',
    '/%c0%ae',
    '/%ED%A0%80',
    '/a#b',
    '/%e2%82',
  ];
  for (const path of bad)
    assert.throws(
      () => decodeTargetPath(path),
      (error) => hasCode(error, 'BAD_REQUEST'),
      path,
    );
  const statusFor = (path: string): number => {
    try {
      decodeTargetPath(path);
      return 0;
    } catch (error) {
      return statusOf(error as DriveError);
    }
  };
  assert.equal(statusFor(`/${'a'.repeat(40_000)}`), 414);
  assert.equal(statusFor('/a'.repeat(300)), 414);
});

test('every error code has a status of the right class', () => {
  for (const code of Object.keys(errorCodes) as (keyof typeof errorCodes)[]) {
    const status = statusOf(new DriveError(code));
    assert.ok(status >= 400 && status < 600, code);
  }
  assert.equal(statusOf(refusal(415, 'no')), 415);
  assert.equal(statusOf(new DriveError('NODE_IO', { details: { status: 200 } })), 503);
});

test('media types go by extension, in any case; a dot file has none', () => {
  assert.equal(contentTypeOf('a.JPG'), 'image/jpeg');
  assert.equal(contentTypeOf('a.b.txt'), 'text/plain; charset=utf-8');
  for (const name of ['a', '.txt', 'a.unknown', 'a.', 'constructor.__proto__']) {
    assert.equal(contentTypeOf(name), 'application/octet-stream', name);
  }
});
