import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../src/core/errors.js';
import { linux, macos, type Platform, windows } from '../../src/core/platform.js';
import { translateSystemError } from '../../src/core/system-errors.js';

function systemError(errno: number, code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { errno: -errno, code, syscall: 'write' });
}

const nameless = (errno: number) => systemError(errno, `Unknown system error -${errno}`);

const cases: readonly [Platform, NodeJS.ErrnoException, ErrorCode, string][] = [
  [linux, systemError(2, 'ENOENT'), 'FILE_MISSING', 'ENOENT'],
  [linux, systemError(17, 'EEXIST'), 'EXISTS', 'EEXIST'],
  [linux, systemError(28, 'ENOSPC'), 'NODE_FULL', 'ENOSPC'],
  [linux, nameless(122), 'NODE_FULL', 'EDQUOT'],
  [macos, nameless(69), 'NODE_FULL', 'EDQUOT'],
  [linux, systemError(30, 'EROFS'), 'NODE_READ_ONLY', 'EROFS'],
  [linux, systemError(13, 'EACCES'), 'NODE_READ_ONLY', 'EACCES'],
  [linux, systemError(1, 'EPERM'), 'NODE_READ_ONLY', 'EPERM'],
  [linux, systemError(6, 'ENXIO'), 'NODE_GONE', 'ENXIO'],
  [linux, systemError(19, 'ENODEV'), 'NODE_GONE', 'ENODEV'],
  [linux, systemError(107, 'ENOTCONN'), 'NODE_GONE', 'ENOTCONN'],
  [linux, nameless(116), 'NODE_GONE', 'ESTALE'],
  [macos, nameless(70), 'NODE_GONE', 'ESTALE'],
  [linux, nameless(123), 'NODE_GONE', 'ENOMEDIUM'],
  [linux, nameless(117), 'NODE_IO', 'EUCLEAN'],
  [linux, nameless(74), 'NODE_IO', 'EBADMSG'],
  [macos, nameless(94), 'NODE_IO', 'EBADMSG'],
  [linux, systemError(5, 'EIO'), 'NODE_IO', 'EIO'],
  [linux, systemError(24, 'EMFILE'), 'UNAVAILABLE', 'EMFILE'],
  [linux, systemError(12, 'ENOMEM'), 'UNAVAILABLE', 'ENOMEM'],
  // libuv's own numbers on Windows
  [windows, systemError(4058, 'ENOENT'), 'FILE_MISSING', 'ENOENT'],
  [windows, systemError(4055, 'ENOSPC'), 'NODE_FULL', 'ENOSPC'],
];

for (const [platform, error, code, name] of cases) {
  test(`${name} (${error.errno}) on ${platform.name} is ${code}`, () => {
    const translated = translateSystemError(error, '/there', platform);
    assert.equal(translated.code, code);
    assert.equal(translated.message, `write /there: ${name}`);
    assert.equal(translated.details.errno, -error.errno!);
    assert.equal(translated.cause, error);
  });
}

test('a number that nobody knows is an I/O error that keeps its number', () => {
  const translated = translateSystemError(nameless(526), '/there', linux);
  assert.equal(translated.code, 'NODE_IO');
  assert.equal(translated.details.errno, 526);
});

test('wrong arguments are a bug, not a failing disk', () => {
  const error = Object.assign(new TypeError('wrong'), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.equal(translateSystemError(error, '/there', linux).code, 'INTERNAL');
});

test('what an operator can do something about carries a hint', () => {
  for (const [platform, error, code] of cases) {
    if (code === 'FILE_MISSING' || code === 'EXISTS') continue;
    assert.ok(translateSystemError(error, '/there', platform).hint, String(error.code));
  }
});
