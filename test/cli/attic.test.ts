import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ProgressLine } from '../../src/cli/output/progress-line.js';
import type { AtticFile, RestoredFile } from '../../src/drive-contract.js';
import { parseParameters } from '../../src/server/control-parameters.js';
import { ManualClock } from '../support/manual-clock.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { FakeShell, soundReport } from './fake-context.js';

const segment = `${'e'.repeat(16)}-00000001`;

async function shellWithVolume(t: TestContext): Promise<FakeShell> {
  const shell = new FakeShell(await temporaryFolder(t));
  await mkdir(join(shell.workingDirectory, 'volume'));
  return shell;
}

const waiting = (changes: Partial<AtticFile> = {}): AtticFile => ({
  node: 'node-1',
  file: `000000000001000.segments.surplus.${segment}.seg`,
  folder: 'segments',
  segment,
  reason: 'surplus',
  movedAt: 1_000,
  sizeBytes: 2 * 1024 ** 2,
  unlinkedFrom: 1_000 + 86_400_000,
  held: null,
  ...changes,
});

test('attic list says what waits on which node, why, and until when', async (t) => {
  const shell = await shellWithVolume(t);
  shell.clock = { ...shell.clock, now: () => 1_000 + 3 * 3_600_000 };
  const held = waiting({ node: 'node-2', reason: 'unreferred', held: 'it is needed; restore it', unlinkedFrom: null });
  shell.drive.atticAnswer = { files: [waiting(), held], missingNodes: ['node-3'] };
  assert.equal(await shell.run('attic', 'list', 'volume'), 4);
  assert.match(
    shell.out.text,
    new RegExp(`node-1 +${segment} +2.0 MiB +3 h ago +enough copies on other nodes +in 21 h`),
  );
  assert.match(shell.out.text, /node-2 .* nothing refers to it +kept\n/);
  assert.match(shell.out.text, /2 files, 4.0 MiB/);
  assert.match(shell.out.text, /Kept: {2}it is needed; restore it/);
  assert.match(shell.out.text, /Missing: node-3/);
  shell.out.text = '';
  shell.drive.atticAnswer = { files: [], missingNodes: [] };
  assert.equal(await shell.run('attic', 'list', 'volume', '--json'), 0);
  assert.deepEqual(JSON.parse(shell.out.text), shell.drive.atticAnswer);
});

test('attic restore passes on what is wanted and ends with 3 when a file is damaged', async (t) => {
  const shell = await shellWithVolume(t);
  const file = (result: RestoredFile['result']): RestoredFile => {
    return { node: 'node-1', file: 'f', segment, result, because: `because ${result}` };
  };
  shell.drive.restoreAnswer = { files: [file('restored'), file('left')], missingNodes: [], dryRun: false };
  assert.equal(await shell.run('attic', 'restore', 'volume', segment), 0);
  assert.match(shell.out.text, /restored: because restored\n.*left: because left\n1 file restored, 1 left/);
  shell.drive.restoreAnswer = { files: [file('damaged')], missingNodes: ['node-2'], dryRun: true };
  assert.equal(await shell.run('attic', 'restore', 'volume', '--all', '--dry-run'), 3);
  assert.deepEqual(
    shell.drive.calls.filter((call) => Array.isArray(call)),
    [
      ['restoreFromAttics', { wanted: [segment], dryRun: false }],
      ['restoreFromAttics', { wanted: undefined, dryRun: true }],
    ],
  );
});

test('attic restore wants either names or --all', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await shell.run('attic', 'restore', 'volume'), 2);
  assert.equal(await shell.run('attic', 'restore', 'volume', segment, '--all'), 2);
});

test('check --read-data takes a part, and says how much was read', async (t) => {
  const shell = await shellWithVolume(t);
  const wanted: unknown[] = [];
  shell.drive.checkAnswer = async (options) => {
    wanted.push((options as { readData?: unknown }).readData);
    return { ...soundReport, readCopies: 4, readBytes: 8 * 1024 ** 2 };
  };
  assert.equal(await shell.run('check', 'volume', '--read-data'), 0);
  assert.equal(await shell.run('check', 'volume', '--read-data=3/7'), 0);
  assert.deepEqual(wanted, [
    { part: 1, parts: 1 },
    { part: 3, parts: 7 },
  ]);
  assert.match(shell.out.text, /read 4 copies, 8.0 MiB/);
  for (const part of ['0/7', '8/7', '1', 'x/y'])
    assert.equal(await shell.run('check', 'volume', `--read-data=${part}`), 2);
});

test('requests of the control socket are read with care', () => {
  assert.deepEqual(parseParameters('restoreFromAttics', { dryRun: true }), { wanted: undefined, dryRun: true });
  assert.deepEqual(parseParameters('check', { readData: { part: 2, parts: 3 } }), { readData: { part: 2, parts: 3 } });
  const refused = { code: 'BAD_REQUEST' };
  for (const readData of [{ part: 4, parts: 3 }, { part: 0, parts: 3 }, { part: '1', parts: 3 }, 'all']) {
    assert.throws(() => parseParameters('check', { readData }), refused);
  }
  assert.throws(() => parseParameters('restoreFromAttics', { wanted: 'x', dryRun: true }), refused);
  assert.throws(() => parseParameters('restoreFromAttics', { wanted: [1], dryRun: true }), refused);
  assert.throws(() => parseParameters('restoreFromAttics', {}), refused);
});

test('progress of bytes shows speed and what is left once it can be measured', async () => {
  const clock = new ManualClock();
  const parts: string[] = [];
  const sink = { isTty: false, columns: 80, write: (part: string) => parts.push(part) };
  const line = new ProgressLine({ sink, clock });
  const at = (mebibytes: number) => ({
    phase: 'reading copies',
    done: mebibytes * 1024 ** 2,
    total: 100 * 1024 ** 2,
    unit: 'bytes' as const,
  });
  line.show(at(0));
  assert.doesNotMatch(parts.join(''), /MiB\/s/);
  await clock.advance(2_000);
  line.show(at(20));
  assert.match(parts.join(''), /20 % {2}20.0 MiB of 100 MiB {2}10.0 MiB\/s, 8 s left\n$/);
});
