/** The commands for nodes that come and go: what they ask of the drive, what they say, and how they end. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { duration } from '../../src/cli/command-frame.js';
import { renderNodes } from '../../src/cli/output/status-view.js';
import { Terminal } from '../../src/cli/output/terminal.js';
import { parseParameters } from '../../src/server/control-parameters.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { driveStatus, FakeShell, nodeStatus } from './fake-context.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

async function shellWithVolume(t: TestContext): Promise<FakeShell> {
  const shell = new FakeShell(await temporaryFolder(t));
  await mkdir(join(shell.workingDirectory, 'volume'));
  return shell;
}

test('durations have a unit', () => {
  assert.deepEqual(['30min', '2h', '7d', '2w', '1.5 d'].map(duration), [
    hourMs / 2,
    2 * hourMs,
    7 * dayMs,
    14 * dayMs,
    1.5 * dayMs,
  ]);
  for (const text of ['', '7', '0d', '-1d', 'd', '7days', '1e3h', '99999w']) assert.throws(() => duration(text), text);
});

test('unplug: safe, with the time in which it stays so', async (t) => {
  const shell = await shellWithVolume(t);
  shell.drive.unplugAnswer = { ...shell.drive.unplugAnswer, until: Date.now(), copyBytes: 2 ** 20 };
  assert.equal(await shell.run('unplug', 'volume', 'disk-2', '--for', '2h'), 0);
  assert.deepEqual(shell.drive.calls[0], [
    'unplug',
    { nodes: ['disk-2'], forMs: 2 * hourMs, dryRun: false, wait: false },
  ]);
  assert.match(shell.out.text, /^Safe: disk-2 may be unplugged until \d\d:\d\d;/);
  assert.match(shell.out.text, /all copies would be made again in about 1 s \(1\.0 MiB\)/);
});

test('unplug: not safe names the files and the way on, exit code 4', async (t) => {
  const shell = await shellWithVolume(t);
  const unreadable = { count: 21, paths: Array.from({ length: 20 }, (_, index) => `/f${index}\n`) };
  shell.drive.unplugAnswer = { ...shell.drive.unplugAnswer, verdict: 'unsafe', unreadable };
  assert.equal(await shell.run('unplug', 'volume', 'disk-2'), 4);
  assert.match(shell.out.text, /^Not safe: without disk-2, 21 files could not be read\.\n/);
  assert.match(shell.out.text, /\n {2}\/f19\?\n {2}and 1 more\n/);
  assert.match(shell.out.text, /Next: {2}holdfast node drain volume disk-2 /);
  shell.drive.unplugAnswer = { ...shell.drive.unplugAnswer, verdict: 'later', safeInMs: 300_000 };
  assert.equal(await shell.run('unplug', 'volume', 'disk-2'), 4);
  assert.match(shell.out.text, /Safe after about 5 min: /);
  assert.match(shell.out.text, /Next: {2}holdfast unplug volume disk-2 --wait /);
  await shell.run('unplug', 'volume', 'disk-2', '--wait');
  assert.deepEqual(shell.drive.calls.at(-1), [
    'unplug',
    { nodes: ['disk-2'], forMs: hourMs, dryRun: false, wait: true },
  ]);
  assert.equal(await shell.run('unplug', 'volume', 'disk-2', '--wait', '--dry-run'), 2);
});

test('unplug as JSON is the report, and can be taken back', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await shell.run('unplug', 'volume', 'disk-2', '--json', '--dry-run'), 0);
  assert.deepEqual(JSON.parse(shell.out.text), shell.drive.unplugAnswer);
  assert.equal(await shell.run('unplug', 'volume', 'disk-2', '--cancel'), 0);
  assert.deepEqual(shell.drive.calls.at(-1), ['stay', { nodes: ['disk-2'] }]);
});

test('node drain shows progress beside the result, then the next step', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await shell.run('node', 'drain', 'volume', 'disk-2'), 0);
  assert.deepEqual(shell.drive.calls[0], ['drain', { node: 'disk-2', cancel: false, wait: true }]);
  assert.match(shell.err.text, /emptying disk-2 {2}\[/);
  assert.match(shell.out.text, /disk-2 is empty: it may be removed\.\nNext: {2}holdfast node remove volume disk-2\n$/);
  shell.drive.drainAnswer = { label: 'disk-2', leftSegments: 2, leftBytes: 2 ** 20, isEmpty: false };
  assert.equal(await shell.run('node', 'drain', 'volume', 'disk-2'), 4);
  assert.match(shell.out.text, /2 segments \(1\.0 MiB\) cannot leave disk-2 now/);
  assert.equal(await shell.run('node', 'drain', 'volume', 'disk-2', '--no-wait'), 0);
  assert.deepEqual(shell.drive.calls.at(-1), ['drain', { node: 'disk-2', cancel: false, wait: false }]);
});

test('node replace --lost heals in the same command', async (t) => {
  const shell = await shellWithVolume(t);
  shell.drive.healAnswer = { ...shell.drive.healAnswer, segments: 3, copyBytes: 3 * 2 ** 20 };
  assert.equal(await shell.run('node', 'replace', 'volume', 'disk-2', 'new', '--lost'), 0);
  const path = join(shell.workingDirectory, 'new');
  assert.deepEqual(shell.drive.calls, [
    ['replace', { node: 'disk-2', path, lost: true, wait: true }],
    ['heal', { dryRun: false }],
  ]);
  assert.match(shell.out.text, /Made anew: 3 copies, 3\.0 MiB\./);
});

test('node away, label and weight ask for what they say', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await shell.run('node', 'away', 'volume', 'usb', '--every', '7d'), 0);
  assert.equal(await shell.run('node', 'away', 'volume', 'usb', '--never'), 0);
  assert.equal(await shell.run('node', 'label', 'volume', 'usb', 'blue disk'), 0);
  assert.equal(await shell.run('node', 'weight', 'volume', 'usb', '0.5'), 0);
  assert.deepEqual(shell.drive.calls, [
    ['away', { node: 'usb', everyMs: 7 * dayMs }],
    ['away', { node: 'usb', everyMs: null }],
    ['describe', { node: 'usb', label: 'blue disk' }],
    ['describe', { node: 'usb', weight: 0.5 }],
  ]);
  for (const wrong of [['usb'], ['usb', '--every', '7d', '--never'], ['usb', '--every', 'often']]) {
    assert.equal(await shell.run('node', 'away', 'volume', ...wrong), 2);
  }
});

test('a disk may sleep, and is kept awake again', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await shell.run('node', 'sleepy', 'volume', 'disk-2'), 0);
  assert.equal(await shell.run('node', 'sleepy', 'volume', 'disk-2', '--never'), 0);
  assert.deepEqual(shell.drive.calls, [
    ['sleep', { node: 'disk-2', maySleep: true }],
    ['sleep', { node: 'disk-2', maySleep: false }],
  ]);
});

test('heal, rebalance and doctor say what was done or found, and what is next', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await shell.run('heal', 'volume'), 0);
  assert.match(shell.out.text, /^Every file has its copies\.\n$/);
  shell.drive.healAnswer = {
    ...shell.drive.healAnswer,
    dryRun: true,
    withoutNodes: ['disk-3'],
    segments: 1,
    leftSegments: 2,
  };
  assert.equal(await shell.run('heal', 'volume', '--dry-run'), 4);
  assert.match(shell.out.text, /Not waited for: disk-3\.\n.*\n2 segments would stay with too few copies/s);
  assert.equal(await shell.run('rebalance', 'volume'), 0);
  assert.match(shell.out.text, /Nothing is to be moved/);
  assert.equal(await shell.run('doctor', 'volume'), 0);
  assert.match(shell.out.text, /Nothing was found\.\n$/);
  shell.drive.adviceAnswer = [{ finding: 'Two nodes lie on one disk.', next: 'Move one.' }];
  assert.equal(await shell.run('doctor', 'volume'), 4);
  assert.match(shell.out.text, /! Two nodes lie on one disk\.\n {2}Next: {2}Move one\.\n$/);
});

test('status names the numbers of copies that folders want beside the usual one', async (t) => {
  const shell = await shellWithVolume(t);
  const { volume } = driveStatus();
  shell.drive.statusAnswer = async () => driveStatus({ volume: { ...volume, folderReplicas: [1, 3] } });
  await shell.run('status', 'volume');
  assert.match(shell.out.text, /each wanted 2 times \(in some folders 1 or 3\);/);
});

test('notify sets one target, and names it without what could be secret', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await shell.run('notify', 'volume', '--command', './tell', '--test'), 0);
  const command = [join(shell.workingDirectory, 'tell')];
  assert.deepEqual(shell.drive.calls, [['setNotices', { command }], 'testNotices']);
  assert.equal(await shell.run('notify', 'volume', '--webhook', 'https://a/b'), 0);
  assert.equal(await shell.run('notify', 'volume', '--off'), 0);
  assert.deepEqual(shell.drive.calls.slice(2), [
    ['setNotices', { webhook: 'https://a/b' }],
    ['setNotices', null],
  ]);
  shell.drive.noticeTarget = 'the command tell';
  assert.equal(await shell.run('notify', 'volume'), 0);
  assert.match(shell.out.text, /Notices go to the command tell\.\n$/);
  assert.equal(await shell.run('notify', 'volume', '--off', '--webhook', 'https://a/b'), 2);
});

test('the list of nodes says what was agreed on, without alarm', () => {
  const sink = { isTty: false, columns: 80, write: () => {} };
  const terminal = new Terminal({ out: sink, err: sink, colour: false });
  const now = 100 * dayMs;
  const copy = { current: now - 3 * dayMs, due: now + 4 * dayMs, mayLeave: false };
  const away = { role: 'away', state: 'offline', reason: 'its passport is not there' } as const;
  const lines = renderNodes(
    [
      nodeStatus('a', { mayBeGoneUntil: now + hourMs }),
      nodeStatus('b', { mayBeGoneUntil: now + hourMs, state: 'offline', reason: 'gone' }),
      nodeStatus('c', { ...away, copy }),
      nodeStatus('d', { ...away, copy: { ...copy, due: now - 2 * dayMs } }),
      nodeStatus('e', { role: 'away', copy: { ...copy, mayLeave: true } }),
      nodeStatus('f', { role: 'draining', usedBytes: 0 }),
    ],
    { terminal, now },
  );
  const text = lines.slice(7).join('\n');
  assert.match(text, /^a: may be unplugged until /m);
  assert.match(text, /^b: unplugged on purpose, back by /m);
  assert.match(text, /^c: copy 3 days old, due in 4 days$/m);
  assert.match(text, /^d: copy 3 days old, overdue since 2 days: plug it in$/m);
  assert.match(text, /^e: this copy is current: you may unplug it now$/m);
  assert.match(text, /^f: empty: it may be removed$/m);
  assert.doesNotMatch(text, /offline|passport/);
});

test('control requests for nodes name the field that is wrong', () => {
  assert.throws(
    () => parseParameters('replaceNode', { node: 'a', path: 'b', lost: false, wait: true }),
    /absolute path/,
  );
  assert.throws(() => parseParameters('unplug', { nodes: 'a', forMs: 1, dryRun: true }), /nodes must be a list/);
  assert.throws(() => parseParameters('drainNode', { node: 'a', cancel: 'no' }), /cancel must be a boolean/);
  assert.deepEqual(parseParameters('keepAway', { node: 'a' }), { node: 'a', everyMs: null });
});
