/** Journals and checkpoints of each node lead to where the index counts on them. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytesOf, type DriveFixture, mustCalmDown, nodeRoot, openTestDrive, put, untilTrue } from '../drive-fixture.js';

async function filesOf(fixture: DriveFixture, folder: string): Promise<string[]> {
  const path = join(await nodeRoot(fixture.nodes[0]!), folder);
  const names = (await readdir(path)).filter((name) => !name.endsWith('.tmp'));
  return names.sort().map((name) => join(path, name));
}

test('a node whose journal or checkpoint is not whole is degraded, with the reason', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 2 });
  for (let index = 0; index < 5; index += 1) await put(fixture, `f${index}`, bytesOf(1_000, index));
  await untilTrue(
    async () => (await filesOf(fixture, 'checkpoints')).length > 0,
    () => 'no checkpoint',
  );
  // What is written into a journal by itself is written now, not while it is damaged.
  await mustCalmDown(fixture, { durationMs: 1_000, batches: 0 });
  assert.deepEqual((await fixture.drive.check()).degraded, []);
  const [checkpoint] = (await filesOf(fixture, 'checkpoints')).slice(-1);
  const whole = await readFile(checkpoint!);
  await truncate(checkpoint!, whole.length - 10);
  assert.match((await fixture.drive.check()).degraded.join('\n'), /node node-1: its checkpoint .* does not verify/);
  await writeFile(checkpoint!, whole);
  const [journal] = (await filesOf(fixture, 'journal')).slice(-1);
  const batches = await readFile(journal!);
  const flipped = Buffer.from(batches);
  flipped[200]! ^= 1;
  await writeFile(journal!, flipped);
  const { degraded } = await fixture.drive.check();
  assert.match(degraded.join('\n'), /node node-1: its journal file .* is damaged/);
  await writeFile(journal!, batches);
  assert.deepEqual((await fixture.drive.check()).degraded, []);
});

test('what lies on a node without need is a note', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 2 });
  await put(fixture, 'f', bytesOf(1_000, 1));
  const folder = join(await nodeRoot(fixture.nodes[1]!), 'segments');
  const foreign = join(folder, `${'0'.repeat(15)}1-00000001.seg`);
  await writeFile(foreign, 'x');
  const { notes, findings, degraded } = await fixture.drive.check();
  assert.match(notes.join('\n'), /node node-2: 1 segment file\(s\) are of another history; nothing touches them/);
  assert.deepEqual([findings, degraded], [[], []]);
  await rm(foreign);
});
