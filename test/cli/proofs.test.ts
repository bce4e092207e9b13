/** `scrub` and `salvage`: what they ask of the drive, what they print, and their exit codes. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../support/temporary-folder.js';
import { driveStatus, FakeShell, nodeStatus } from './fake-context.js';

const dayMs = 86_400_000;
const now = 100 * dayMs;

async function shellWithVolume(t: TestContext): Promise<FakeShell> {
  const shell = new FakeShell(await temporaryFolder(t));
  shell.clock = { ...shell.clock, now: () => now };
  await mkdir(join(shell.workingDirectory, 'home'));
  return shell;
}

test('scrub shows when what was verified, and warns when the period is over', async (t) => {
  const shell = await shellWithVolume(t);
  const scrub = { ...driveStatus().scrub, copies: 5, proven: 4, oldest: now - 3 * dayMs };
  const proof = { copies: 5, proven: 4, oldest: scrub.oldest };
  const journal = { proven: now - 2 * dayMs, problem: null };
  const nodes = [
    nodeStatus('blue', { proof, journal }),
    nodeStatus('red', { journal: { proven: null, problem: 'damaged' } }),
    nodeStatus('grey', { journal: { proven: null, problem: null } }),
  ];
  shell.drive.statusAnswer = async () => driveStatus({ scrub, nodes });
  assert.equal(await shell.run('scrub', 'home'), 4, 'a journal is bad');
  assert.match(shell.out.text, /\nred: damaged\n/);
  assert.match(shell.out.text, /blue .* {2}2 days ago\nred .* {2}BAD\ngrey .* {2}not since the start/);
  assert.match(shell.out.text, /blue +5 +4 {2}3 days ago/);
  shell.drive.statusAnswer = async () => driveStatus({ scrub, nodes: [nodes[0]!, nodes[2]!] });
  assert.equal(await shell.run('scrub', 'home'), 0);
  assert.match(shell.out.text, /within 30 days.*\n4\.0 MiB\/s/);
  const late = { ...scrub, oldest: now - 31 * dayMs };
  shell.drive.statusAnswer = async () => driveStatus({ scrub: late });
  assert.equal(await shell.run('scrub', 'home'), 4);
  assert.match(shell.out.text, /Next: {2}keep the volume served/);
});

test('scrub of a file, and reading now', async (t) => {
  const shell = await shellWithVolume(t);
  const { drive } = shell;
  assert.equal(await shell.run('scrub', 'home', '/a'), 0);
  assert.equal(await shell.run('scrub', 'home', '--now'), 0);
  assert.match(shell.out.text, /Read 2 copies and 1 journal from their disks.*\nEverything that was read is good/);
  drive.scrubAnswer = { ...drive.scrubAnswer, degraded: ['segment x on blue is damaged', '/a is whole'] };
  assert.equal(await shell.run('scrub', 'home', '--now', '--older-than', '2d', '--json'), 4);
  drive.scrubAnswer = { ...drive.scrubAnswer, unreadCopies: 2 };
  assert.equal(await shell.run('scrub', 'home', '--now'), 4);
  assert.match(shell.out.text, /2 copies could not be read, and nothing is said of them: plug in every disk/);
  assert.doesNotMatch(shell.out.text, /No file is damaged/);
  drive.scrubAnswer = { ...drive.scrubAnswer, findings: ['/a cannot be read whole'] };
  assert.equal(await shell.run('scrub', 'home', '--now'), 3);
  const asked = drive.calls.filter((call) => Array.isArray(call));
  const [, first, second] = asked; // The others are alike.
  assert.deepEqual(asked[0], ['ofFile', { path: '/a' }]);
  assert.deepEqual(
    [first, second],
    [
      ['scrub', { olderThanMs: undefined }],
      ['scrub', { olderThanMs: 2 * dayMs }],
    ],
  );
});

test('salvage --from says what was saved, and how the disk is used again', async (t) => {
  const shell = await shellWithVolume(t);
  const { drive } = shell;
  assert.equal(await shell.run('salvage', 'home', '--from', 'node-3'), 0);
  const text = shell.out.text;
  assert.match(text, /2 files \(2\.0 KiB\) were saved:\n {2}\/Recovered from node-3\/a\n/);
  assert.match(text, /1 file had been saved before/);
  assert.match(
    text,
    /holdfast node remove home node-3 --lost\n +empty \/disk3\/hold by hand, and holdfast node add home/,
  );
  assert.equal(await shell.run('salvage', 'home', '--from', './disk3', '--dry-run'), 0);
  assert.match(shell.out.text, /would be saved:.*Nothing was changed.*without --dry-run/s);
  drive.nodeSalvageAnswer = { ...drive.nodeSalvageAnswer, failedFiles: 1, failed: [{ path: '/c', reason: 'gone' }] };
  shell.out.text = '';
  assert.equal(await shell.run('salvage', 'home', '--from', 'node-3'), 3);
  assert.match(shell.out.text, /1 file could not be saved, and nothing of it was:\n {2}\/c: gone/);
  assert.doesNotMatch(shell.out.text, /node remove/, 'the disk may still be needed');
  assert.equal(await shell.run('salvage', 'home', '--from', 'node-3', '--json'), 3);
  const asked = drive.calls.filter((call) => Array.isArray(call)).map(([, options]) => options);
  const path = join(shell.workingDirectory, 'disk3');
  assert.deepEqual(asked.slice(0, 2), [
    { node: 'node-3', dryRun: false },
    { node: path, dryRun: true },
  ]);
  assert.equal(await shell.run('salvage', 'home', '--dry-run'), 2);
});

test('salvage names the disks first, then the files, and what never to do', async (t) => {
  const shell = await shellWithVolume(t);
  const { drive } = shell;
  assert.equal(await shell.run('salvage', 'home'), 0);
  assert.match(shell.out.text, /Every file can be read whole/);
  drive.salvageAnswer = {
    health: 'damaged',
    damagedFiles: 3,
    missingBytes: 5 * 1024 * 1024,
    nodes: [{ id: '1', label: 'Blue WD', path: '/blue', since: 0, files: 1 }],
    together: 0,
    unplaced: 1,
    nowhere: 1,
    files: [
      {
        path: '/a.jpg',
        sizeBytes: 4 * 1024 * 1024,
        missingBytes: 1024 * 1024,
        missing: [{ start: 0, end: 1024 * 1024, on: ['Blue WD'] }],
      },
      { path: '/b.jpg', sizeBytes: 10, missingBytes: 10, missing: [{ start: 0, end: 10, on: [] }] },
    ],
  };
  assert.equal(await shell.run('salvage', 'home'), 3);
  const text = shell.out.text;
  assert.match(text, /3 files cannot be read whole now/);
  assert.match(text, /Blue WD +1 file +\/blue/);
  assert.match(text, /\/a\.jpg +4\.0 MiB +1\.0 MiB {2}Blue WD\n\/b\.jpg .* no known disk\nand 1 more file/);
  assert.match(text, /Never: "node remove --lost"/);
  assert.ok(text.indexOf('Blue WD') < text.indexOf('/a.jpg'));
});
