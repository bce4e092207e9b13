/** Reading all copies finds the damage that no listing shows, names the files, and has it healed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError } from '../../../src/core/errors.js';
import { DataCheck, isInPart } from '../../../src/maintenance/checking/data-check.js';
import { segmentFileName } from '../../../src/segment/segment-id.js';
import { firstEpoch } from '../../store/store-fixture.js';
import {
  bytesOf,
  flipBit,
  get,
  isWhole,
  openTestDrive,
  put,
  sealAll,
  segmentFiles,
  untilStatus,
} from '../drive-fixture.js';
import { type HostFixture, openHost } from '../host-fixture.js';

const files = [0, 1].map((seed) => ({ name: `file-${seed}`, bytes: 300_000, seed }));
const whole = { part: 1, parts: 1 };

test('a damaged copy is named with its file, noted, and degraded as long as another is good', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files);
  const [a] = host.all;
  a!.store.damage('segments', segmentFileName(segment), 100_000);
  const progress: number[] = [];
  const onProgress = ({ done }: { readonly done: number }) => progress.push(done);
  const result = await new DataCheck(host, { ...whole, onProgress }).run();
  assert.deepEqual(result.findings, []);
  assert.deepEqual(result.degraded, [
    `segment ${segment} on node a is damaged`,
    '/file-0 is whole, and one of its copies is not',
  ]);
  assert.equal(result.readCopies, 2);
  assert.ok(result.readBytes > 600_000);
  assert.deepEqual(host.states(segment), ['a damaged', 'b good']);
  assert.equal(progress.at(-1), result.readBytes);
});

test('a file is named even when its copy is made good as soon as it is noted', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files);
  const flip = () => host.all[0]!.store.damage('segments', segmentFileName(segment), 100_000);
  flip();
  const withWriter: HostFixture['withWriter'] = async (work) => {
    const result = await host.withWriter(work);
    if (host.states(segment).includes('a damaged')) flip();
    return result;
  };
  const { degraded } = await new DataCheck({ ...host, withWriter }, whole).run();
  assert.ok(degraded.includes('/file-0 is whole, and one of its copies is not'), degraded.join());
});

test('a volume that can only be read is read all the same', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files);
  host.all[0]!.store.damage('segments', segmentFileName(segment), 100_000);
  const withWriter = () => Promise.reject(new DriveError('READ_ONLY'));
  const { degraded, readCopies } = await new DataCheck({ ...host, withWriter }, whole).run();
  assert.deepEqual([degraded[0], readCopies], [`segment ${segment} on node a is damaged`, 2]);
  assert.deepEqual(host.states(segment), ['a good', 'b good'], 'nothing could be noted');
});

test('a file is damage only when a part of it verifies nowhere', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files);
  const [a, b] = host.all;
  a!.store.damage('segments', segmentFileName(segment), 100_000);
  b!.store.damage('segments', segmentFileName(segment), 400_000);
  const apart = await new DataCheck(host, whole).run();
  assert.deepEqual(apart.findings, [], 'each copy has what the other lacks');
  b!.store.damage('segments', segmentFileName(segment), 100_000);
  const together = await new DataCheck(host, whole).run();
  assert.deepEqual(together.findings, ['/file-0 cannot be read whole: no copy of a part of it verifies']);
});

test('what cannot be reached is told and is no damage; an open segment is only noted', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save(...files);
  host.all[0]!.leave(host.clock.now());
  await host.operations({ o: 'data', segments: [{ id: `${firstEpoch}-00000fff`, nodes: [host.all[1]!.id] }] });
  const result = await new DataCheck(host, whole).run();
  assert.deepEqual(result.findings, []);
  assert.deepEqual(result.degraded, [`segment ${segment} could not be read on node a`]);
  assert.equal(result.notes.length, 1);
});

test('parts cover everything once', () => {
  const segments = Array.from({ length: 1_000 }, (_, at) => `${firstEpoch}-${at.toString(16).padStart(8, '0')}`);
  for (const parts of [1, 2, 7]) {
    const inParts = segments.map(
      (id) => Array.from({ length: parts }, (_, at) => isInPart(id, { part: at + 1, parts })).filter(Boolean).length,
    );
    assert.ok(inParts.every((count) => count === 1));
  }
});

test('on a serving drive the damage that a check finds is healed', async (t) => {
  // The scrub would find it too, and have it healed before its files are named.
  const fixture = await openTestDrive(t, { nodes: 2, safety: { scrubPeriodMs: Number.POSITIVE_INFINITY } });
  const bytes = bytesOf(2_000_000, 1);
  await put(fixture, 'f', bytes);
  await sealAll(fixture);
  const [file] = await segmentFiles(fixture.nodes[0]!);
  let found: readonly string[] = [];
  // A segment whose hash is not known yet is read by the hasher too, once; it may be faster.
  const isNamed = () => found.some((sentence) => sentence.startsWith('/f is whole'));
  for (let round = 0; round < 5 && !isNamed(); round += 1) {
    await untilStatus(fixture, 'whole', isWhole);
    await flipBit(file!, 1_000_000);
    const { findings, degraded, readBytes } = await fixture.drive.check({ readData: whole });
    assert.deepEqual(findings, []);
    assert.ok(readBytes > 2_000_000);
    found = degraded;
  }
  assert.ok(isNamed(), found.join());
  await untilStatus(fixture, 'healed', isWhole);
  const again = await fixture.drive.check({ readData: whole });
  assert.deepEqual([again.findings, again.degraded], [[], []]);
  assert.ok((await get(fixture, 'f')).equals(bytes));
});
