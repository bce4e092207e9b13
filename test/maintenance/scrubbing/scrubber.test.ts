import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scrubber } from '../../../src/maintenance/scrubbing/scrubber.js';
import { segmentFileName } from '../../../src/segment/segment-id.js';
import { settle } from '../../support/manual-clock.js';
import { type HostFixture, openHost } from '../host-fixture.js';

const MiB = 1024 * 1024;
const dayMs = 24 * 3_600_000;
const { signal } = new AbortController();
const files = (first: number) =>
  [0, 1].map((index) => ({ name: `file-${first + index}`, bytes: 300_000, seed: first + index }));

/** Steps until it is idle, letting time pass as its pauses ask for. */
async function run(host: HostFixture, scrubber: Scrubber): Promise<void> {
  for (let steps = 0; ; steps += 1) {
    assert.ok(steps < 100, 'it comes to an end');
    let result: string | undefined;
    void scrubber.step(signal).then((value) => {
      result = value;
    });
    for (let waits = 0; result === undefined; waits += 1) {
      assert.ok(waits < 10_000, 'a step comes to an end');
      await settle();
      if (host.clock.pending > 0) await host.clock.advance(10);
    }
    if (result === 'idle') return;
  }
}

const proofs = (host: HostFixture) =>
  host.reader.proofs().map(({ copies, proven, oldest }) => ({ copies, proven, oldest: oldest !== null }));

test('every copy is proven once, and again after half of the period', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await host.save(...files(0));
  await host.save(...files(2));
  let bad = 0;
  const scrubber = new Scrubber(host, () => (bad += 1));
  await run(host, scrubber);
  assert.equal(scrubber.status().readCopies, 4);
  assert.deepEqual(proofs(host), [
    { copies: 2, proven: 2, oldest: true },
    { copies: 2, proven: 2, oldest: true },
  ]);
  await run(host, scrubber);
  assert.equal(scrubber.status().readCopies, 4, 'nothing is due');
  await host.clock.advance(16 * dayMs);
  await run(host, scrubber);
  assert.equal(scrubber.status().readCopies, 8);
  const before = host.clock.now() - 15 * dayMs;
  assert.deepEqual(host.reader.oldestProofs({ nodes: host.all.map(({ id }) => id), before, limit: 10 }), []);
  assert.equal(bad, 0);
});

test('rot is found, noted for the healer and named; the other copies keep their state', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files(0));
  const other = await host.save(...files(2));
  host.node('b'.repeat(16)).store.damage('segments', segmentFileName(segment), 400_000);
  let bad = 0;
  const scrubber = new Scrubber(host, () => (bad += 1));
  await run(host, scrubber);
  assert.deepEqual(host.states(segment), ['a good', 'b damaged']);
  assert.deepEqual(host.states(other), ['a good', 'b good']);
  assert.deepEqual([bad, scrubber.status().badCopies], [1, 1]);
  assert.match(host.reports.join('\n'), new RegExp(`scrub: segment ${segment} on node b is damaged`));
});

test('a node that is away is left alone, and read when it is back', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await host.save(...files(0));
  const b = host.node('b'.repeat(16));
  b.leave(host.clock.now());
  const scrubber = new Scrubber(host, () => assert.fail('nothing is bad'));
  await run(host, scrubber);
  assert.equal(scrubber.status().readCopies, 1);
  b.state = 'online';
  await run(host, scrubber);
  assert.equal(scrubber.status().readCopies, 2);
});

test('a copy that cannot be read now is postponed, and holds up no other', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await host.save(...files(0));
  const b = host.node('b'.repeat(16));
  b.store.plan({ operation: 'read', effect: 'NODE_GONE' });
  const scrubber = new Scrubber(host, () => assert.fail('nothing is known to be bad'));
  await run(host, scrubber);
  assert.equal(scrubber.status().readCopies, 1);
  await host.clock.advance(700_000);
  await run(host, scrubber);
  assert.equal(scrubber.status().readCopies, 2);
});

test('it reads no faster than the period asks for', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  await host.save(...[0, 1, 2, 3].map((seed) => ({ name: `file-${seed}`, bytes: MiB, seed })));
  const scrubber = new Scrubber(host, () => undefined);
  const started = host.clock.monotonic();
  await run(host, scrubber);
  const seconds = (host.clock.monotonic() - started) / 1000;
  const rate = scrubber.status().readBytes / MiB / seconds;
  assert.ok(rate <= 4, `${rate} MiB/s`);
  assert.ok(rate > 2, `${rate} MiB/s`);
});
