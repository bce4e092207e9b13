import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/core/errors.js';
import { parseIfHeader } from '../../src/webdav/if-header.js';

/** Of this process alone: others may keep the processors busy. */
const cpuMs = (since: NodeJS.CpuUsage): number => process.cpuUsage(since).user / 1000;

const resolve = (uri: string) => (uri.startsWith('/') ? uri.slice(1).split('/') : null);
const parse = (header: string) => parseIfHeader(header, resolve);

test('untagged and tagged lists, Not, tokens and entity tags', () => {
  assert.deepEqual(parse('(<urn:t> ["e"])(Not <DAV:no-lock>)'), [
    {
      resource: 'request',
      conditions: [
        { not: false, kind: 'token', value: 'urn:t' },
        { not: false, kind: 'etag', value: '"e"' },
      ],
    },
    { resource: 'request', conditions: [{ not: true, kind: 'token', value: 'DAV:no-lock' }] },
  ]);
  const tagged = parse('</a/b> (<urn:1>) (not[W/"w"]) <http://other/x> (<urn:2>)');
  assert.deepEqual(
    tagged.map(({ resource }) => resource),
    [['a', 'b'], ['a', 'b'], null],
  );
  assert.deepEqual(tagged[1]!.conditions, [{ not: true, kind: 'etag', value: 'W/"w"' }]);
});

test('lists may be joined by commas, as repeated header lines are', () => {
  assert.equal(parse('(<urn:1>), (<urn:2>)').length, 2);
  assert.deepEqual(
    parse('</a> (<urn:1>), </b> (<urn:2>)').map(({ resource }) => resource),
    [['a'], ['b']],
  );
});

test('what is not an If header is a 400', () => {
  const bad = [
    '',
    ' ',
    '()',
    '(',
    '(<a>',
    '(<a)',
    'x',
    '<a>',
    '<a> <b> (<c>)',
    '(<a>) <b>',
    '(Not)',
    '(Nott <a>)',
    '([)',
    '(<>)',
    '([])',
    '(a)',
    '(((<a>)))',
    '<a',
  ];
  for (const header of bad)
    assert.throws(
      () => parse(header),
      (error) => hasCode(error, 'BAD_REQUEST'),
      header,
    );
  assert.throws(() => parse(`(${'<a>'.repeat(2000)})`));
});

test('it never takes long and never throws anything else', () => {
  for (const piece of ['<', '(', '(<a> ', ' ', ',', '[', '(Not ']) {
    const started = process.cpuUsage();
    assert.throws(() => parse(piece.repeat(65_536 / piece.length)));
    assert.ok(cpuMs(started) < 1000, piece);
  }
  const junk = fc.array(fc.constantFrom('(', ')', '<', '>', '[', ']', '"', 'Not', ' ', ',', 'a', '/', 'urn:x'), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(junk, (parts) => {
      try {
        assert.ok(parse(parts.join('')).length > 0);
      } catch (error) {
        assert.ok(hasCode(error, 'BAD_REQUEST'));
      }
    }),
  );
});
