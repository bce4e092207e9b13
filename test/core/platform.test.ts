import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linux, macos, platformFor, systemPlatform, windows } from '../../src/core/platform.js';

test('each system gets its platform, unknown ones that of Linux', () => {
  assert.equal(platformFor('win32'), windows);
  assert.equal(platformFor('darwin'), macos);
  assert.equal(platformFor('linux'), linux);
  assert.equal(platformFor('freebsd'), linux);
  assert.equal(systemPlatform, platformFor(process.platform));
});

test('folders are synced everywhere but on Windows', () => {
  assert.deepEqual(
    [linux, macos, windows].map((platform) => platform.canSyncFolders),
    [true, true, false],
  );
});

test('the control socket lies in the volume directory on Linux and macOS', () => {
  for (const platform of [linux, macos]) {
    assert.equal(platform.controlAddress('/srv/drive'), '/srv/drive/control.sock');
    assert.ok(platform.controlAddressIsFile);
  }
});

test('a directory too long for a socket is refused with the way out, in bytes', () => {
  const room = 107 - '/control.sock'.length;
  const longest = `/${'d'.repeat(room - 1)}`;
  assert.equal(Buffer.byteLength(linux.controlAddress(longest)), 107);
  assert.throws(() => linux.controlAddress(`${longest}d`), { code: 'USAGE' });
  assert.throws(() => linux.controlAddress(`/${'ä'.repeat(60)}`), { code: 'USAGE' });
  assert.throws(() => macos.controlAddress(longest), { code: 'USAGE' });
});

test('the control pipe of Windows is one for each directory, however it is spelled', () => {
  const address = windows.controlAddress('C:\\Users\\me\\Drive');
  assert.match(address, /^\\\\\.\\pipe\\holdfast-[0-9a-f]{32}$/);
  assert.equal(windows.controlAddress('c:/users/me/drive/'), address);
  assert.equal(windows.controlAddress('C:\\Users\\me\\other\\..\\Drive'), address);
  assert.notEqual(windows.controlAddress('D:\\Users\\me\\Drive'), address);
  assert.ok(!windows.controlAddressIsFile);
});

test('relative paths are a bug of the caller', () => {
  assert.throws(() => linux.controlAddress('drive'), { code: 'INTERNAL' });
  assert.throws(() => windows.controlAddress('drive'), { code: 'INTERNAL' });
  assert.throws(() => linux.pathKey('drive'), { code: 'INTERNAL' });
});

test('paths are compared as the system does', () => {
  assert.equal(linux.pathKey('/a//b/../c/'), '/a/c');
  assert.equal(linux.pathKey('/'), '/');
  assert.notEqual(linux.pathKey('/Disk'), linux.pathKey('/disk'));
  assert.equal(macos.pathKey('/Volumes/Disk'), macos.pathKey('/volumes/disk/'));
  assert.equal(macos.pathKey('/caf\u00e9'), macos.pathKey('/cafe\u0301'));
  assert.equal(windows.pathKey('C:\\Disk'), windows.pathKey('c:/disk/'));
});

test('a path is within itself and its ancestors, not within one that only begins alike', () => {
  assert.ok(linux.isWithin('/disk', '/disk'));
  assert.ok(linux.isWithin('/disk', '/disk/node'));
  assert.ok(linux.isWithin('/', '/disk'));
  assert.ok(!linux.isWithin('/disk', '/disk2'));
  assert.ok(!linux.isWithin('/disk/node', '/disk'));
  assert.ok(macos.isWithin('/Volumes/Disk', '/volumes/disk/node'));
  assert.ok(windows.isWithin('C:\\', 'c:\\disk'));
  assert.ok(windows.isWithin('C:\\disk', 'C:/Disk/node'));
  assert.ok(!windows.isWithin('C:\\disk', 'D:\\disk\\node'));
});

test('a server ends on signals that its system knows', () => {
  assert.deepEqual(linux.endSignals, ['SIGINT', 'SIGTERM', 'SIGHUP']);
  assert.deepEqual(windows.endSignals, ['SIGINT', 'SIGBREAK', 'SIGHUP']);
});
