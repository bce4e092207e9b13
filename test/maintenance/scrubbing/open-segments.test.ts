/** What is still being written is read, completed and proven by a scrub that is asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bytesOf,
  eventsOf,
  flipBit,
  get,
  isWhole,
  openTestDrive,
  put,
  segmentFiles,
  untilStatus,
} from '../drive-fixture.js';

for (const [what, lengthBytes] of [
  ['a small file', 20_000],
  ['a large file', 2_000_000],
] as const) {
  test(`rot in an open segment is found, named and healed: ${what}`, async (t) => {
    // Only what is asked for reads.
    const fixture = await openTestDrive(t, { nodes: 2, safety: { scrubPeriodMs: Number.POSITIVE_INFINITY } });
    const { proofs } = fixture.drive;
    const bytes = bytesOf(lengthBytes, 1);
    await put(fixture, 'f', bytes);
    const before = await proofs.ofFile({ path: '/f' });
    assert.deepEqual([before.copies, before.proven, before.unsealedSegments], [0, 0, 1]);
    const [file] = await segmentFiles(fixture.nodes[0]!);
    await flipBit(file!, lengthBytes >> 1);
    const { findings, degraded, readCopies } = await proofs.scrub({});
    assert.deepEqual(findings, []);
    assert.match(degraded.join('\n'), /segment \S+ on node-1 is damaged\n\/f is whole, and one of its copies is not/);
    assert.ok(readCopies >= 2);
    assert.match(eventsOf(fixture), /bad copy: segment \S+ on node-1 is damaged: it concerns \/f/);
    await untilStatus(fixture, 'healed', isWhole);
    const again = await proofs.scrub({});
    assert.deepEqual([again.findings, again.degraded, again.notes], [[], [], []]);
    const after = await proofs.ofFile({ path: '/f' });
    assert.deepEqual([after.copies, after.proven, after.badCopies, after.unsealedSegments], [2, 2, 0, 0]);
    assert.ok((await get(fixture, 'f')).equals(bytes));
  });
}
