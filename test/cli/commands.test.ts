import assert from 'node:assert/strict';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exitCodeOfError } from '../../src/cli/exit-codes.js';
import { systemClock } from '../../src/core/clock.js';
import { DriveError, type ErrorCode, errorCodes } from '../../src/core/errors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { driveStatus, FakeShell, nodeStatus, rebuildReport, soundReport } from './fake-context.js';

async function shellWithVolume(t: TestContext): Promise<FakeShell> {
  const shell = new FakeShell(await temporaryFolder(t));
  await mkdir(join(shell.workingDirectory, 'volume'));
  return shell;
}

test('init makes a volume from absolute paths and says what to do next', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  assert.equal(await shell.run('init', 'volume', '--node', 'a', '--node', '/b', '--name', 'films'), 0);
  const directory = join(shell.workingDirectory, 'volume');
  assert.deepEqual(shell.calls, [
    ['createVolume', { directory, nodes: [join(shell.workingDirectory, 'a'), '/b'], replicas: 2, name: 'films' }],
  ]);
  assert.match(shell.out.text, /Next: {2}holdfast serve volume/);
});

test('init says that nodes on one disk protect against a lost folder only', async (t) => {
  const shell = await shellWithVolume(t);
  for (const name of ['a', 'b']) await mkdir(join(shell.workingDirectory, name));
  await shell.run('init', 'volume', '--node', 'a', '--node', 'b');
  assert.match(shell.out.text, /lost folder, not a lost disk/);
});

test('init says when the disks are too small for anything', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  await shell.run('init', 'volume', '--node', '/a', '--node', '/b');
  assert.doesNotMatch(shell.out.text, /Nothing can be saved/);
  shell.availableBytes = 0;
  await shell.run('init', 'other', '--node', '/a', '--node', '/b');
  assert.match(shell.out.text, /Nothing can be saved yet: .*\n.*holdfast node add other PATH/);
});

test('init --json prints one document with the ids', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  assert.equal(await shell.run('init', 'volume', '--node', '/a', '--replicas', '1', '--json'), 0);
  assert.deepEqual(JSON.parse(shell.out.text), {
    id: 'feedfacefeedface',
    name: 'named',
    directory: join(shell.workingDirectory, 'volume'),
    nodes: ['/a'],
    replicas: 1,
  });
});

const healths = [
  ['good', 0],
  ['degraded', 4],
  ['read-only', 4],
  ['damaged', 3],
] as const;

for (const [health, code] of healths) {
  test(`status of a ${health} volume ends with exit code ${code}, as text and as JSON`, async (t) => {
    const shell = await shellWithVolume(t);
    shell.drive.statusAnswer = async () => driveStatus({ health });
    assert.equal(await shell.run('status', 'volume'), code);
    assert.match(shell.out.text, new RegExp(`^home is ${health.toUpperCase()}\nEvery file has 2 copies`));
    shell.out.text = '';
    assert.equal(await shell.run('status', 'volume', '--json'), code);
    assert.deepEqual(JSON.parse(shell.out.text), driveStatus({ health }));
    assert.equal(shell.drive.closed, 2);
  });
}

test('status shows why a node is away, when healing begins, and the damaged files', async (t) => {
  const shell = await shellWithVolume(t);
  const away = nodeStatus('disk-2', { state: 'offline', reason: 'no passport at its path', since: 0, freeBytes: null });
  shell.drive.statusAnswer = async () =>
    driveStatus({
      health: 'damaged',
      nodes: [nodeStatus('disk-1'), away],
      segments: { total: 5, degraded: 4, lost: 1 },
      healing: { active: false, queuedSegments: 4, healedSegments: 0, startsInMs: 25_000 },
      damagedFiles: ['/films/a.mkv', '/evil\u001b[2J'],
    });
  assert.equal(await shell.run('status', 'volume'), 3);
  assert.match(shell.out.text, /disk-2: offline for \d+ days: no passport at its path/);
  assert.match(shell.out.text, /Healing {2}4 segments with too few copies; starts in 25 s/);
  assert.match(shell.out.text, /1 segment without a whole good copy/);
  assert.match(shell.out.text, /\/films\/a\.mkv\n/);
  assert.match(shell.out.text, /\/evil\?\[2J/);
});

test('the drive that a command opened is closed when the command fails', async (t) => {
  const shell = await shellWithVolume(t);
  shell.drive.statusAnswer = async () => {
    throw new DriveError('UNAVAILABLE');
  };
  assert.equal(await shell.run('status', 'volume'), 1);
  assert.equal(shell.drive.closed, 1);
});

test('a volume that a short command holds is waited for', async (t) => {
  const shell = await shellWithVolume(t);
  let attempts = 0;
  shell.access = {
    ...shell.access,
    openDrive: async () => {
      attempts += 1;
      if (attempts < 3) throw new DriveError('IN_USE');
      return shell.drive;
    },
  };
  shell.clock = { ...systemClock, sleep: async () => {} };
  assert.equal(await shell.run('status', 'volume'), 0);
  assert.equal(attempts, 3);
});

const reports = [
  ['sound', soundReport, 0],
  ['degraded', { ...soundReport, degraded: ['segment 1 has one copy'] }, 4],
  ['damaged', { ...soundReport, degraded: ['segment 1 has one copy'], findings: ['segment 2 is lost'] }, 3],
] as const;

for (const [name, report, code] of reports) {
  test(`check of a ${name} volume ends with exit code ${code} and prints every finding`, async (t) => {
    const shell = await shellWithVolume(t);
    shell.drive.checkAnswer = async ({ onProgress }) => {
      onProgress?.({ phase: 'reading the index', done: 1, total: 4, unit: 'files' });
      return report;
    };
    assert.equal(await shell.run('check', 'volume'), code);
    for (const sentence of [...report.findings, ...report.degraded]) assert.ok(shell.out.text.includes(sentence));
    assert.match(shell.err.text, /reading the index {2}\[######\s+\] {2}25 % {2}1 of 4 files\n/);
    shell.out.text = '';
    assert.equal(await shell.run('check', 'volume', '--json'), code);
    assert.deepEqual(JSON.parse(shell.out.text), report);
  });
}

test('a check that is interrupted ends with exit code 1', async (t) => {
  const shell = await shellWithVolume(t);
  shell.drive.checkAnswer = async ({ signal }) => {
    shell.stop.abort();
    if (signal?.aborted) throw new DriveError('ABORTED');
    return soundReport;
  };
  assert.equal(await shell.run('check', 'volume'), 1);
  assert.match(shell.err.text, /cancelled/);
});

test('rebuild passes absolute nodes on, and a node that is away makes it degraded', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  assert.equal(await shell.run('rebuild', 'volume', '--node', 'a'), 0);
  const [[, options]] = shell.calls as [[string, { directory: string; nodes: string[] }]];
  assert.equal(options.directory, join(shell.workingDirectory, 'volume'));
  assert.deepEqual(options.nodes, [join(shell.workingDirectory, 'a')]);
  const report = { ...rebuildReport, missingNodes: ['disk-3'], movedAside: '/old' };
  shell.access = { ...shell.access, rebuildVolume: async () => report };
  shell.out.text = '';
  assert.equal(await shell.run('rebuild', 'volume', '--json'), 4);
  assert.deepEqual(JSON.parse(shell.out.text), report);
});

test('rebuild says what is missing when nodes are left out', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  const report = { ...rebuildReport, leftOut: ['node-2 (last at /b)'] };
  shell.access = {
    ...shell.access,
    rebuildVolume: async (options) => {
      assert.deepEqual(options.without, ['node-2', join(shell.workingDirectory, 'b')]);
      return report;
    },
  };
  assert.equal(await shell.run('rebuild', 'volume', '--node', 'a', '--without', 'node-2', '--without', './b'), 4);
  assert.match(shell.out.text, /Left out: node-2 \(last at \/b\)\n.*is missing.*\n.*cannot be read/);
});

test('node list, add and remove reach the drive', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await shell.run('node', 'list', 'volume'), 0);
  assert.match(shell.out.text, /^NODE .*PATH\ndisk-1 +online +active +1\.0 GiB +5\.0 GiB {2}\/disks\/disk-1\n/);
  shell.out.text = '';
  await shell.run('node', 'list', 'volume', '--json');
  assert.deepEqual(JSON.parse(shell.out.text), driveStatus().nodes);
  shell.out.text = '';
  assert.equal(await shell.run('node', 'add', 'volume', 'new', '--label', 'third', '--weight', '1.5', '--json'), 0);
  const path = join(shell.workingDirectory, 'new');
  assert.deepEqual(JSON.parse(shell.out.text), { id: 'aaaabbbbccccdddd', path });
  await shell.run('node', 'remove', 'volume', 'third');
  await shell.run('node', 'remove', 'volume', './new', '--lost');
  assert.deepEqual(
    shell.drive.calls.filter((call) => Array.isArray(call)),
    [
      ['addNode', { path, label: 'third', group: undefined, weight: 1.5 }],
      ['removeNode', { node: 'third', lost: false }],
      ['removeNode', { node: path, lost: true }],
    ],
  );
});

test('a refusal prints the hint that came with it', async (t) => {
  const shell = await shellWithVolume(t);
  shell.drive.removeNodeAnswer = async () => {
    throw new DriveError('WOULD_LOSE_COPIES', { hint: 'add a node first' });
  };
  assert.equal(await shell.run('node', 'remove', 'volume', 'disk-1'), 1);
  assert.match(
    shell.err.text,
    /Why: {3}removing this would leave files with fewer copies\nNext: {2}add a node first\n/,
  );
});

test('every error code has an exit code, damage 3 and wrong usage 2', () => {
  const expected: Partial<Record<ErrorCode, number>> = {
    DAMAGED: 3,
    CORRUPT: 3,
    USAGE: 2,
    INVALID_NAME: 2,
    BAD_REQUEST: 2,
  };
  for (const code of Object.keys(errorCodes) as ErrorCode[])
    assert.equal(exitCodeOfError(code), expected[code] ?? 1, code);
});

test('start makes the volume home with three nodes at its first run only, and serves with a grace of 30 s', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  const data = join(shell.workingDirectory, 'data');
  const directory = join(data, 'volume');
  const create = shell.access.createVolume;
  shell.access = {
    ...shell.access,
    createVolume: async (options) => {
      assert.ok((await stat(data)).isDirectory());
      await mkdir(join(directory, 'volume.json'), { recursive: true });
      return create(options);
    },
  };
  for (const run of ['first', 'second']) {
    const ending = shell.run('start', '--data', 'data');
    await shell.out.holds('Ctrl-C stops it.');
    shell.stop.abort();
    assert.equal(await ending, 0, run);
    assert.match(shell.out.text, /lost folder, not a lost disk/);
    assert.match(shell.out.text, new RegExp(`npx holdfast status ${directory}`));
    assert.ok(shell.out.text.includes(data));
    shell.out.text = '';
    Object.assign(shell, { stop: new AbortController() });
  }
  const made = shell.calls.filter(([name]) => name === 'createVolume');
  const nodes = ['node-1', 'node-2', 'node-3'].map((name) => join(data, name));
  assert.deepEqual(made, [['createVolume', { directory, nodes, replicas: 2, name: 'home' }]]);
  const opened = shell.calls.filter(([name]) => name === 'openDrive').map(([, options]) => options);
  for (const options of opened) assert.equal((options as { healGraceMs: number }).healGraceMs, 30_000);
  assert.equal(opened.length, 2);
});

test('start takes the next free port when the usual one is taken, and says so', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  await mkdir(join(shell.workingDirectory, 'data', 'volume', 'volume.json'), { recursive: true });
  shell.takenPorts = new Set([4918, 4919]);
  const ending = shell.run('start', '--data', 'data');
  await shell.out.holds('Ctrl-C stops it.');
  shell.stop.abort();
  assert.equal(await ending, 0);
  assert.match(shell.out.text, /Port 4918 is taken by another program, so this is port 4920\./);
  assert.match(shell.out.text, /http:\/\/127\.0\.0\.1:4920\/home\//);
});
