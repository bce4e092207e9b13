import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import { compareStates } from '../../src/drive/rehearsal/compare-states.js';
import { isDue, NightlyRehearsal } from '../../src/drive/rehearsal/nightly.js';
import type { RehearsalReport } from '../../src/drive/rehearsal/rehearsal.js';
import { ManualClock } from '../support/manual-clock.js';
import { randomBytes, TestDrive } from './drive-fixture.js';

async function filled(t: TestContext): Promise<TestDrive> {
  const drive = await (await TestDrive.create(t)).open();
  await drive.volume.makeFolder(['folder'], {});
  for (let index = 0; index < 20; index += 1) await drive.put(`folder/file ${index}`, randomBytes(10_000, index));
  await drive.put('large', randomBytes(3_000_000, 99));
  await drive.volume.delete(['folder', 'file 7'], {});
  await drive.volume.move(['folder', 'file 8'], ['moved'], { overwrite: false });
  return drive;
}

test('what the nodes alone give back is what the index has, while the drive goes on', async (t) => {
  const drive = await filled(t);
  const [report] = await Promise.all([drive.drive.rehearse(), drive.put('meanwhile', 'saved during the rehearsal')]);
  assert.deepEqual(report.problems, []);
  assert.equal(report.differences, 0);
  assert.ok([20, 21].includes(report.files), `${report.files} files`);
  const status = await drive.drive.status();
  assert.equal(status.rehearsal?.differences, 0);
  assert.deepEqual(
    (await readdir(drive.directory)).filter((name) => name.includes('rehearsal')),
    ['rehearsal.json'],
  );
});

test('a rehearsal is remembered', async (t) => {
  const drive = await filled(t);
  const { time } = await drive.drive.rehearse();
  await drive.reopen();
  assert.equal((await drive.drive.status()).rehearsal?.time, time);
});

test('segments that are gone from every node are told, as an alarm with the next step', async (t) => {
  const drive = await filled(t);
  for (const path of drive.nodePaths) {
    const [inner] = (await readdir(path)).filter((name) => /^holdfast-[0-9a-f]{16}$/.test(name));
    const segments = join(path, inner!, 'segments');
    for (const name of await readdir(segments)) await rm(join(segments, name), { force: true });
  }
  const report = await drive.drive.rehearse();
  assert.ok(report.differences > 0);
  assert.match(report.problems[0]!, /pieces of files that no segment here holds: \d+/);
  const alarm = drive.events.find(
    ({ level, message }) => level === 'error' && /alone would not give back/.test(message),
  );
  assert.match(alarm?.message ?? '', /holdfast check/);
  assert.equal(alarm?.kind, 'not-rebuildable');
  await drive.closeUnchecked();
});

test('a journal that lacks changes on every node is told', async (t) => {
  const drive = await filled(t);
  for (const path of drive.nodePaths) {
    const [inner] = (await readdir(path)).filter((name) => /^holdfast-[0-9a-f]{16}$/.test(name));
    for (const name of await readdir(join(path, inner!, 'journal'))) {
      const file = join(path, inner!, 'journal', name);
      const bytes = await readFile(file);
      if (bytes.length > 3_000) await writeFile(file, bytes.subarray(0, bytes.length - 1_000));
    }
  }
  const report = await drive.drive.rehearse();
  assert.ok(report.differences > 0);
  assert.match(report.problems.join('\n'), /journals end with change \d+, the index with \d+/);
  await drive.closeUnchecked();
});

test('journals that do not reach back to the beginning are an alarm that lasts, and never the advice to rebuild', async (t) => {
  const drive = await filled(t);
  for (const path of drive.nodePaths) {
    const [inner] = (await readdir(path)).filter((name) => /^holdfast-[0-9a-f]{16}$/.test(name));
    const checkpoints = join(path, inner!, 'checkpoints');
    // The first one is made some time after the opening, on one node after the other; the next one after much more journal.
    const isThere = async () => (await readdir(checkpoints)).some((name) => !name.endsWith('.tmp'));
    await drive.until('there is a checkpoint', isThere);
  }
  for (const path of drive.nodePaths) {
    const [inner] = (await readdir(path)).filter((name) => /^holdfast-[0-9a-f]{16}$/.test(name));
    for (const name of await readdir(join(path, inner!, 'checkpoints')))
      await rm(join(path, inner!, 'checkpoints', name));
    const journals = (await readdir(join(path, inner!, 'journal'))).sort();
    const first = journals[0]!.slice(0, 16);
    for (const name of journals) if (name.startsWith(first)) await rm(join(path, inner!, 'journal', name));
  }
  const report = await drive.drive.rehearse();
  assert.ok(report.differences > 0);
  assert.doesNotMatch(report.problems.join('\n'), /rebuild/);
  const { health, protection } = await drive.drive.status();
  assert.equal(health, 'degraded');
  assert.match(protection, /nodes alone would not give back this volume: keep .* "holdfast rehearse"/);
  await drive.closeUnchecked();
});

test('one at a time', async (t) => {
  const drive = await filled(t);
  const first = drive.drive.rehearse();
  await assert.rejects(drive.drive.rehearse(), { code: 'IN_USE' });
  assert.equal((await first).differences, 0);
});

const lines = async function* (text: string): AsyncGenerator<string> {
  yield* text.split(' ');
};

test('states are equal, shifted, changed', async () => {
  const differences = async (one: string, other: string) => (await compareStates(lines(one), lines(other))).differences;
  assert.equal(await differences('a b c', 'a b c'), 0);
  assert.equal(await differences('a b c d e', 'b c d e'), 1);
  assert.equal(await differences('a b c', 'a x c'), 2);
  assert.deepEqual((await compareStates(lines('a b'), lines('a b c'))).examples, ['nodes: c']);
});

test('due at night, after a missed night, and an hour after a volume is new', () => {
  const at = (hour: number) => new Date(2026, 5, 15, hour).getTime();
  const hourMs = 3_600_000;
  assert.equal(isDue(at(12), at(11), undefined), true);
  assert.equal(isDue(at(12), at(12), undefined), false);
  assert.equal(isDue(at(3), 0, at(3) - 24 * hourMs), true);
  assert.equal(isDue(at(3), 0, at(3) - 1 * hourMs), false);
  assert.equal(isDue(at(12), 0, at(12) - 24 * hourMs), false);
  assert.equal(isDue(at(12), 0, at(12) - 31 * hourMs), true);
  assert.equal(isDue(at(12), 0, at(12) - 24 * hourMs, { hasFailed: true }), true);
});

test('every night one is made, until it is closed', async () => {
  const clock = new ManualClock(new Date(2026, 5, 15, 12).getTime());
  const made: number[] = [];
  let last: RehearsalReport | undefined;
  const nightly = new NightlyRehearsal({
    clock,
    last: () => last,
    onTrouble: assert.fail,
    rehearse: async () => {
      made.push(new Date(clock.now()).getHours());
      last = { time: clock.now(), durationMs: 1, sequence: 1, files: 1, differences: 0, problems: [] };
      return last;
    },
  });
  const quarters = async (count: number) => {
    for (let quarter = 0; quarter < count; quarter += 1) {
      await clock.advance(15 * 60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await quarters(4 * 24 * 3);
  assert.equal(made[0], 13, 'an hour after it was opened');
  assert.ok(made.length >= 3 && made.slice(1).every((hour) => hour >= 2 && hour < 5), made.join(', '));
  await nightly.close();
  const before = made.length;
  await quarters(4 * 48);
  assert.equal(made.length, before);
});

test('one that cannot be made at all is told with the next step, and tried again after hours, not at every look', async () => {
  const clock = new ManualClock(new Date(2026, 5, 15, 12).getTime());
  const told: string[] = [];
  const nightly = new NightlyRehearsal({
    clock,
    last: () => undefined,
    onTrouble: (message) => told.push(message),
    rehearse: async () => {
      throw new DriveError('OUT_OF_SPACE', { message: 'the disk is full', hint: 'make room' });
    },
  });
  for (let quarter = 0; quarter < 4 * 18; quarter += 1) {
    await clock.advance(15 * 60_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(
    told,
    Array.from({ length: 3 }, () => 'the disk is full (make room)'),
  );
  await nightly.close();
});
