import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError, hasCode } from '../../src/core/errors.js';
import type { FileIo, OpenFile } from '../../src/core/file-io.js';
import { BoundedFileIo, type LateCall } from '../../src/node/files/bounded-file-io.js';
import { ManualClock } from '../support/manual-clock.js';

/** Calls wait until the test ends them, in any order. */
function hangingDisk() {
  const waiting: { end: (error?: Error) => void }[] = [];
  const call = () =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ end: (error) => (error ? reject(error) : resolve()) });
    });
  let closed = 0;
  const file: OpenFile = {
    read: async () => {
      await call();
      return 0;
    },
    write: call,
    sync: call,
    truncate: call,
    stat: async () => ({ kind: 'file', sizeBytes: 0, device: 1, inode: 1, changedMs: 0 }),
    close: async () => {
      closed += 1;
    },
  };
  const io: Partial<FileIo> = {
    open: async (path) => {
      if (path === 'slow') await call();
      return file;
    },
    unlink: call,
  };
  return { io: io as FileIo, waiting, closedFiles: () => closed };
}

function bounded(inFlightLimit = 4) {
  const clock = new ManualClock();
  const disk = hangingDisk();
  const late: LateCall[] = [];
  const io = new BoundedFileIo({
    inner: disk.io,
    clock,
    readDeadlineMs: 100,
    writeDeadlineMs: 300,
    inFlightLimit,
    onLate: (call) => late.push(call),
  });
  return { clock, disk, late, io };
}

const isHung = (error: unknown) => hasCode(error, 'NODE_GONE') && error.details.reason === 'deadline';
/** Settled or not, without waiting for it. */
function watchOutcome(work: Promise<unknown>) {
  const outcome: { state: 'waiting' | 'done' | 'hung' | 'other' } = { state: 'waiting' };
  work.then(
    () => (outcome.state = 'done'),
    (error) => (outcome.state = isHung(error) ? 'hung' : 'other'),
  );
  return outcome;
}

test('reads and writes are given up at their own deadlines', async () => {
  const { clock, io } = bounded();
  const file = await io.open('a', 'create');
  const read = watchOutcome(file.read(Buffer.alloc(1), 0));
  const write = watchOutcome(file.write([], 0));
  await clock.advance(99);
  assert.equal(read.state, 'waiting');
  await clock.advance(1);
  assert.equal(read.state, 'hung');
  assert.equal(write.state, 'waiting');
  await clock.advance(200);
  assert.equal(write.state, 'hung');
});

test('what ends late is told with its error, and a file opened late is closed', async () => {
  const { clock, io, disk, late } = bounded();
  const unlinked = watchOutcome(io.unlink('a'));
  const opened = watchOutcome(io.open('slow', 'read'));
  await clock.advance(300);
  assert.deepEqual([unlinked.state, opened.state], ['hung', 'hung']);
  await clock.advance(50);
  disk.waiting[0]!.end(new DriveError('NODE_IO'));
  disk.waiting[1]!.end();
  await clock.advance(0);
  assert.deepEqual(
    late.map(({ operation, path, lateByMs, error }) => [operation, path, lateByMs, hasCode(error, 'NODE_IO')]),
    [
      ['unlink', 'a', 50, true],
      ['open', 'slow', 50, false],
    ],
  );
  assert.equal(disk.closedFiles(), 1);
});

test('no more calls than the limit are on their way, and waiting is no hanging', async () => {
  const { clock, io, disk } = bounded(2);
  const calls = Array.from({ length: 4 }, () => watchOutcome(io.unlink('a')));
  await clock.advance(250);
  assert.equal(disk.waiting.length, 2);
  disk.waiting[0]!.end();
  disk.waiting[1]!.end();
  await clock.advance(250);
  assert.equal(disk.waiting.length, 4);
  assert.deepEqual(
    calls.map(({ state }) => state),
    ['done', 'done', 'waiting', 'waiting'],
  );
  disk.waiting[2]!.end();
  disk.waiting[3]!.end();
  await clock.advance(0);
  assert.ok(calls.every(({ state }) => state === 'done'));
});

test('when all places hang, those that wait and all that come fail at once, until a call ends', async () => {
  const { clock, io, disk } = bounded(2);
  const calls = Array.from({ length: 5 }, () => watchOutcome(io.unlink('a')));
  await clock.advance(300);
  assert.ok(calls.every(({ state }) => state === 'hung'));
  assert.equal(disk.waiting.length, 2, 'the hung disk took two threads, not five');
  await assert.rejects(io.unlink('a'), isHung);
  disk.waiting[0]!.end();
  await clock.advance(0);
  const next = watchOutcome(io.unlink('a'));
  await clock.advance(0);
  disk.waiting[2]!.end();
  await clock.advance(0);
  assert.equal(next.state, 'done');
});
