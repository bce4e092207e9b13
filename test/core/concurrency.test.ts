import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertCondition } from '../../src/core/assert.js';
import { type LateOutcome, withDeadline } from '../../src/core/deadline.js';
import { DriveError } from '../../src/core/errors.js';
import { Mutex } from '../../src/core/mutex.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { SeededRandom } from '../support/seeded-random.js';

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

test('a mutex runs tasks one at a time, in the order of the calls', async () => {
  const mutex = new Mutex();
  const log: string[] = [];
  const first = gate();
  const one = mutex.run(async () => {
    log.push('one begins');
    await first.opened;
    log.push('one ends');
    return 1;
  });
  const two = mutex.run(() => {
    log.push('two');
    return 2;
  });
  await settle();
  assert.deepEqual(log, ['one begins']);
  assert.equal(mutex.pending, 2);
  first.open();
  assert.deepEqual(await Promise.all([one, two]), [1, 2]);
  assert.deepEqual(log, ['one begins', 'one ends', 'two']);
  assert.equal(mutex.pending, 0);
});

test('a task that fails fails alone', async () => {
  const mutex = new Mutex();
  const failing = mutex.run(() => Promise.reject(new Error('one')));
  const throwing = mutex.run(() => {
    throw new Error('two');
  });
  const good = mutex.run(() => 3);
  await assert.rejects(failing, /one/);
  await assert.rejects(throwing, /two/);
  assert.equal(await good, 3);
  assert.equal(mutex.pending, 0);
});

const missed = () => new DriveError('NODE_GONE', { message: 'too slow' });

test('work in time passes through a deadline and leaves no timer', async () => {
  const clock = new ManualClock();
  const late = () => assert.fail('not late');
  assert.equal(await withDeadline(Promise.resolve(7), 100, clock, { missed, late }), 7);
  await assert.rejects(withDeadline(Promise.reject(new Error('own')), 100, clock, { missed, late }), /own/);
  assert.equal(clock.pending, 0);
});

test('work beyond its deadline is abandoned, and its result is still reported', async () => {
  const clock = new ManualClock();
  const outcomes: LateOutcome<string>[] = [];
  const slow = gate();
  const work = slow.opened.then(() => 'landed after all');
  const waiting = withDeadline(work, 100, clock, { missed, late: (outcome) => outcomes.push(outcome) });
  const rejected = assert.rejects(waiting, { code: 'NODE_GONE' });
  await clock.advance(100);
  await rejected;
  assert.deepEqual(outcomes, []);
  await clock.advance(50);
  slow.open();
  await settle();
  assert.deepEqual(outcomes, [{ kind: 'value', value: 'landed after all', lateByMs: 50 }]);
});

test('a late failure is reported, not thrown into nowhere', async () => {
  const clock = new ManualClock();
  const outcomes: LateOutcome<void>[] = [];
  const slow = gate();
  const work = slow.opened.then(() => {
    throw new Error('late failure');
  });
  const waiting = withDeadline(work, 100, clock, { missed, late: (outcome) => outcomes.push(outcome) });
  const rejected = assert.rejects(waiting, { code: 'NODE_GONE' });
  await clock.advance(100);
  await rejected;
  slow.open();
  await settle();
  assert.equal(outcomes[0]?.kind, 'error');
});

test('an assertion that holds is silent, one that fails is INTERNAL', () => {
  assertCondition(true, 'never seen');
  assert.throws(() => assertCondition(0, 'zero'), { code: 'INTERNAL', message: 'assertion failed: zero' });
});

test('the manual clock runs timers in order, each at its own moment, and new ones too', async () => {
  const clock = new ManualClock(1000);
  const log: [string, number][] = [];
  clock.schedule(30, () => log.push(['c', clock.monotonic()]));
  clock.schedule(10, () => {
    log.push(['a', clock.monotonic()]);
    clock.schedule(5, () => log.push(['b', clock.monotonic()]));
  });
  const cancel = clock.schedule(20, () => log.push(['never', clock.monotonic()]));
  void clock.sleep(31).then(() => log.push(['too late', clock.monotonic()]));
  cancel();
  await clock.advance(30);
  assert.deepEqual(log, [
    ['a', 10],
    ['b', 15],
    ['c', 30],
  ]);
  assert.equal(clock.now(), 1030);
  assert.equal(clock.pending, 1);
});

test('a sleep on the manual clock ends early when its signal fires', async () => {
  const clock = new ManualClock();
  const abort = new AbortController();
  const sleeping = clock.sleep(1000, { signal: abort.signal });
  abort.abort();
  await sleeping;
  await clock.sleep(1000, { signal: abort.signal });
  assert.equal(clock.pending, 0);
});

test('seeded randomness repeats for a seed and differs between seeds', () => {
  const one = new SeededRandom(1).bytes(33);
  assert.deepEqual(new SeededRandom(1).bytes(33), one);
  assert.notDeepEqual(new SeededRandom(2).bytes(33), one);
  const random = new SeededRandom(3);
  const seen = new Set(Array.from({ length: 200 }, () => random.integer(6)));
  assert.deepEqual([...seen].sort(), [0, 1, 2, 3, 4, 5]);
});
