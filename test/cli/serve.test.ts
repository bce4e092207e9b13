import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import type { OpenDriveOptions } from '../../src/drive-contract.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { driveStatus, FakeShell } from './fake-context.js';

async function shellWithVolume(t: TestContext): Promise<FakeShell> {
  const shell = new FakeShell(await temporaryFolder(t));
  await mkdir(join(shell.workingDirectory, 'volume'));
  return shell;
}

/** Serves until `use` is done, then stops; gives the exit code. */
async function whileServing(shell: FakeShell, use: () => Promise<void>, ...options: string[]): Promise<number> {
  const ending = shell.run('serve', 'volume', ...options);
  await Promise.race([
    shell.out.holds('Ctrl-C stops it.'),
    shell.out.holds('"ready":true'),
    ending.then((code) => assert.fail(`ended with ${code}: ${shell.err.text}`)),
  ]);
  try {
    await use();
  } finally {
    shell.stop.abort();
  }
  return ending;
}

/** Another window of the same person: nothing it does may open the volume. */
function secondWindow(shell: FakeShell): FakeShell {
  const other = new FakeShell(shell.workingDirectory);
  const refuse = async () => {
    throw new DriveError('INTERNAL', { message: 'opened a volume that a server has open' });
  };
  other.access = { openDrive: refuse, createVolume: refuse, rebuildVolume: refuse };
  return other;
}

test('serve listens on this machine at port 4918, and says how to mount', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await whileServing(shell, async () => {}), 0);
  const directory = join(shell.workingDirectory, 'volume');
  const [[, opened], started] = shell.calls as [[string, OpenDriveOptions], unknown];
  assert.equal(opened.directory, directory);
  assert.equal(opened.healGraceMs, undefined);
  assert.deepEqual(started, ['startServer', { host: '127.0.0.1', port: 4918 }]);
  assert.match(shell.out.text, /^Serving http:\/\/127\.0\.0\.1:4918\/home\/\n/);
  assert.match(shell.out.text, /holdfast mount volume/);
});

test('serve closes the drive, the listener and the socket when asked to stop', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await whileServing(shell, async () => {}), 0);
  assert.equal(shell.drive.closed, 1);
  assert.equal(shell.serverClosed, 1);
  assert.deepEqual(await readdir(join(shell.workingDirectory, 'volume')), []);
});

test('serve --json prints one JSON line when ready, and --grace reaches the drive', async (t) => {
  const shell = await shellWithVolume(t);
  const options = ['--json', '--port', '5000', '--host', '::1', '--grace', '5'];
  assert.equal(await whileServing(shell, async () => {}, ...options), 0);
  assert.deepEqual(JSON.parse(shell.out.text), {
    ready: true,
    volumeName: 'home',
    url: 'http://[::1]:5000/home/',
    localUrl: 'http://[::1]:5000/home/',
    fingerprint: null,
    processId: process.pid,
    directory: join(shell.workingDirectory, 'volume'),
  });
  assert.equal((shell.calls[0]![1] as OpenDriveOptions).healGraceMs, 5_000);
});

test('events are logged one line each, with the time, and cannot draw on the terminal', async (t) => {
  const shell = await shellWithVolume(t);
  await whileServing(shell, async () => {
    const options = shell.calls[0]![1] as OpenDriveOptions;
    options.onEvent?.({ time: Date.UTC(2026, 0, 1), level: 'warning', message: 'node \u001b[1mb\nis away' });
  });
  assert.match(shell.err.text, /^\d\d:\d\d:\d\d {2}warning {2}node \?\[1mb\?is away\n$/);
});

test('a taken port is told, with the next step, and the drive is closed', async (t) => {
  const shell = await shellWithVolume(t);
  shell.takenPorts = new Set([4918]);
  assert.equal(await shell.run('serve', 'volume'), 1);
  assert.match(shell.err.text, /port 4918 is taken/);
  assert.match(shell.err.text, /--port NUMBER/);
  assert.equal(shell.drive.closed, 1);
});

test('a stop that comes while the volume is being opened starts no listener', async (t) => {
  const shell = await shellWithVolume(t);
  const { openDrive } = shell.access;
  shell.access = {
    ...shell.access,
    openDrive: (options) => {
      shell.stop.abort();
      return openDrive(options);
    },
  };
  assert.equal(await shell.run('serve', 'volume'), 0);
  assert.equal(shell.server, undefined);
  assert.equal(shell.drive.closed, 1);
});

test('while a server runs, status, check and the node commands ask it instead of opening the volume', async (t) => {
  const shell = await shellWithVolume(t);
  shell.drive.statusAnswer = async () => driveStatus({ health: 'degraded' });
  await whileServing(shell, async () => {
    const other = secondWindow(shell);
    assert.equal(await other.run('status', 'volume', '--json'), 4);
    assert.deepEqual(JSON.parse(other.out.text), driveStatus({ health: 'degraded' }));
    assert.equal(await other.run('check', 'volume'), 0);
    assert.equal(await other.run('node', 'list', 'volume'), 0);
    assert.equal(await other.run('node', 'add', 'volume', 'new'), 0);
    assert.equal(await other.run('node', 'remove', 'volume', 'disk-2'), 0);
    assert.equal(other.err.text, '');
  });
  assert.deepEqual(shell.drive.calls, [
    'status',
    'check',
    'status',
    ['addNode', { path: join(shell.workingDirectory, 'new'), label: undefined, group: undefined, weight: undefined }],
    ['removeNode', { node: 'disk-2', lost: false }],
  ]);
});

for (const command of [['serve'], ['rebuild'], ['start', '--data', '.']]) {
  test(`while a server runs, "${command[0]}" is refused and says where it runs`, async (t) => {
    const shell = await shellWithVolume(t);
    await mkdir(join(shell.workingDirectory, 'volume', 'volume.json'));
    await whileServing(shell, async () => {
      const other = secondWindow(shell);
      assert.equal(await other.run(...command, ...(command[0] === 'start' ? [] : ['volume'])), 1);
      assert.match(other.err.text, /runs already, at http:\/\/127\.0\.0\.1:4918\/home\//);
    });
  });
}
