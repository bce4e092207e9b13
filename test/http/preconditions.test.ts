import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import { parseTagList, strongMatch, weakMatch } from '../../src/http/entity-tags.js';
import { formatHttpDate, formatIsoDate, parseHttpDate } from '../../src/http/http-dates.js';
import { judgeRead, rangeStillHolds, readPreconditions } from '../../src/http/preconditions.js';

const modified = Date.UTC(1994, 10, 6, 8, 49, 37, 250);
const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
const earlier = 'Sun, 06 Nov 1994 08:49:36 GMT';
const now = { tag: '"a"', modified };

test('the three forms of HTTP dates are read, everything else is not', () => {
  const whole = Date.UTC(1994, 10, 6, 8, 49, 37);
  assert.equal(parseHttpDate(date), whole);
  assert.equal(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT'), whole);
  assert.equal(parseHttpDate('Sun Nov  6 08:49:37 1994'), whole);
  for (const bad of [
    '',
    'yesterday',
    '1994-11-06T08:49:37Z',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 25:49:37 GMT',
  ]) {
    assert.equal(parseHttpDate(bad), undefined, bad);
  }
  assert.equal(parseHttpDate('Mon, 01 Jan 0001 00:00:00 GMT'), Date.parse('0001-01-01T00:00:00Z'));
});

test('dates before 1970 are never shown', () => {
  assert.equal(formatHttpDate(-5000), 'Thu, 01 Jan 1970 00:00:00 GMT');
  assert.equal(formatIsoDate(-5000), '1970-01-01T00:00:00Z');
  assert.equal(formatIsoDate(modified), '1994-11-06T08:49:37Z');
});

test('lists of entity tags keep quotes and weakness', () => {
  assert.equal(parseTagList(' * '), '*');
  assert.deepEqual(parseTagList('"a", W/"b" ,"c,d",,"e"'), ['"a"', 'W/"b"', '"c,d"', '"e"']);
  for (const bad of ['', 'a', '"a', '"a" "b"', '"a", *', 'w/"a"']) {
    assert.throws(() => parseTagList(bad), DriveError, bad);
  }
  assert.ok(strongMatch(['"a"'], '"a"') && !strongMatch(['W/"a"'], '"a"') && weakMatch(['W/"a"'], '"a"'));
});

test('conditions of a read are judged in the order of RFC 9110 section 13.2.2', () => {
  const cases: readonly [Record<string, string>, 200 | 304 | 412][] = [
    [{}, 200],
    [{ 'if-match': '"a"' }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"b"' }, 412],
    [{ 'if-match': 'W/"a"' }, 412],
    [{ 'if-none-match': '"a"' }, 304],
    [{ 'if-none-match': 'W/"a"' }, 304],
    [{ 'if-none-match': '"b"' }, 200],
    [{ 'if-none-match': '"b"', 'if-modified-since': date }, 200],
    [{ 'if-modified-since': date }, 304],
    [{ 'if-modified-since': earlier }, 200],
    [{ 'if-modified-since': 'garbage' }, 200],
    [{ 'if-unmodified-since': date }, 200],
    [{ 'if-unmodified-since': earlier }, 412],
    [{ 'if-match': '"a"', 'if-unmodified-since': earlier }, 200],
    [{ 'if-match': '"b"', 'if-none-match': '"a"' }, 412],
  ];
  for (const [headers, expected] of cases) {
    assert.equal(judgeRead(readPreconditions(headers), now), expected, JSON.stringify(headers));
  }
});

test('If-Range holds for the same bytes only', () => {
  assert.ok(rangeStillHolds(undefined, now));
  assert.ok(rangeStillHolds('"a"', now));
  assert.ok(rangeStillHolds(date, now));
  for (const other of ['"b"', 'W/"a"', earlier, 'Sun, 06 Nov 1994 08:49:38 GMT', 'garbage']) {
    assert.ok(!rangeStillHolds(other, now), other);
  }
});
