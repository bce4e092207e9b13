/** On real directories: what a mistake of the program swept into the attics comes back, bytes and copies. */
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { formatAtticName } from '../../../src/maintenance/deletion/attic-name.js';
import {
  bytesOf,
  type DriveFixture,
  filesIn,
  get,
  nodeRoot,
  openTestDrive,
  put,
  reopen,
  sealAll,
  segmentFiles,
  untilStatus,
} from '../drive-fixture.js';

/** With no server running, as after the harm was done. */
async function sweepAway({ nodes }: DriveFixture): Promise<string[]> {
  const swept: string[] = [];
  for (const node of nodes) {
    const attic = join(await nodeRoot(node), 'attic');
    for (const file of await segmentFiles(node)) {
      const was = { time: Date.now(), folder: 'segments', reason: 'unreferred', name: basename(file) } as const;
      const name = formatAtticName(was);
      await rename(file, join(attic, name));
      swept.push(name);
    }
  }
  return swept;
}

test('every segment file of every node is swept away: nothing is unlinked, and a restore brings all back', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 2 });
  const files = [1, 2, 3].map((seed) => ({ name: `f${seed}`, bytes: bytesOf(1_500_000, seed) }));
  for (const { name, bytes } of files) await put(fixture, name, bytes);
  await sealAll(fixture);
  await fixture.drive.close();
  const swept = await sweepAway(fixture);
  assert.ok(swept.length >= 2);
  await reopen(fixture, { atticMs: 1 });
  assert.ok((await fixture.drive.check()).findings.length > 0);
  const listing = await fixture.drive.listAttics();
  assert.equal(listing.files.length, swept.length);
  assert.ok(listing.files.every(({ segment, reason }) => segment !== null && reason === 'unreferred'));
  const dry = await fixture.drive.restoreFromAttics({ dryRun: true });
  assert.equal(dry.files.filter(({ result }) => result === 'restored').length, swept.length, JSON.stringify(dry));
  const report = await fixture.drive.restoreFromAttics({});
  assert.equal(report.files.filter(({ result }) => result === 'restored').length, swept.length, JSON.stringify(report));
  for (const { name, bytes } of files) assert.ok((await get(fixture, name)).equals(bytes), name);
  await untilStatus(fixture, 'whole again', ({ health, segments }) => health === 'good' && segments.degraded === 0);
  // The cleaner may have put others there since.
  const waiting = (await Promise.all(fixture.nodes.map((node) => filesIn(node, 'attic')))).flat();
  assert.deepEqual(
    waiting.filter((name) => swept.includes(name)),
    [],
  );
  await reopen(fixture);
  for (const { name, bytes } of files) assert.ok((await get(fixture, name)).equals(bytes), name);
});
