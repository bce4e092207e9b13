/** Journals and checkpoints that rot at rest are found, named and made again; nothing else is touched. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  bytesOf,
  type DriveFixture,
  eventsOf,
  mustCalmDown,
  nodeRoot,
  openTestDrive,
  put,
  reopen,
  untilTrue,
} from '../drive-fixture.js';

/** No checkpoint comes by itself meanwhile. */
const safety = { checkpointAfterBytes: 64 * 1024 * 1024 };

async function pathsOf(fixture: DriveFixture, node: number, folder: string): Promise<string[]> {
  const path = join(await nodeRoot(fixture.nodes[node]!), folder);
  const names = (await readdir(path)).filter((name) => !name.endsWith('.tmp'));
  return names.sort().map((name) => join(path, name));
}

async function contents(paths: readonly string[]): Promise<Map<string, Buffer>> {
  return new Map(await Promise.all(paths.map(async (path) => [path, await readFile(path)] as const)));
}

async function flip(path: string, position: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[position]! ^= 1;
  await writeFile(path, bytes);
}

async function settled(fixture: DriveFixture): Promise<void> {
  for (let index = 0; index < 4; index += 1) await put(fixture, `f${index}`, bytesOf(1_000, index));
  const have = async (node: number) => (await pathsOf(fixture, node, 'checkpoints')).length > 0;
  await untilTrue(
    async () => (await have(0)) && (await have(1)) && (await have(2)),
    () => 'no checkpoint',
  );
  // What is written into a journal by itself is written now, not while it is damaged.
  await mustCalmDown(fixture, { durationMs: 1_000, batches: 0 });
}

test('rot in a finished journal file and in a checkpoint is healed byte for byte', async (t) => {
  const fixture = await openTestDrive(t, { safety });
  await settled(fixture);
  await reopen(fixture);
  const [journal] = await pathsOf(fixture, 0, 'journal');
  const [checkpoint] = await pathsOf(fixture, 1, 'checkpoints');
  const old = (await pathsOf(fixture, 2, 'journal')).slice(0, 1);
  const whole = await contents([journal!, checkpoint!, ...old]);
  await flip(journal!, 300);
  await flip(journal!, whole.get(journal!)!.length - 20);
  await flip(checkpoint!, whole.get(checkpoint!)!.length >> 1);
  const report = await fixture.drive.proofs.scrub({});
  assert.deepEqual(await contents([...whole.keys()]), whole);
  assert.equal(report.readJournals, 3);
  assert.deepEqual(report.findings, []);
  assert.match(
    report.degraded.join('\n'),
    /node-1: journal file \S+ is damaged; it was made again from the other nodes/,
  );
  assert.match(report.degraded.join('\n'), /node-2: checkpoint \S+ does not verify.*; it was made again from node-/);
  assert.match(eventsOf(fixture), /bad copy on node-1: journal file \S+ is damaged; it was made again/);
  const again = await fixture.drive.proofs.scrub({});
  assert.deepEqual(again.degraded, []);
  const { nodes, scrub } = await fixture.drive.status();
  assert.ok(nodes.every(({ journal: proof }) => proof!.proven !== null && proof!.problem === null));
  assert.equal(scrub.badCopies, 2);
});

test('rot in the file that is written to: the journals go on in new files, and it is healed', async (t) => {
  const fixture = await openTestDrive(t, { safety });
  await settled(fixture);
  const live = (await pathsOf(fixture, 0, 'journal')).at(-1)!;
  const whole = await readFile(live);
  await flip(live, 300);
  const { degraded } = await fixture.drive.proofs.scrub({});
  assert.match(degraded.join('\n'), /node-1: journal file \S+ is damaged; it was made again/);
  // What was saved meanwhile stands behind it.
  assert.deepEqual((await readFile(live)).subarray(0, whole.length), whole);
  await put(fixture, 'later', bytesOf(1_000, 9));
  assert.deepEqual((await fixture.drive.check()).degraded, []);
  assert.deepEqual((await fixture.drive.proofs.scrub({})).degraded, []);
  const { differences } = await fixture.drive.rehearse();
  assert.equal(differences, 0);
});

test('all journals bad at the same place is damage, until a new checkpoint from the index stands in for them', async (t) => {
  const fixture = await openTestDrive(t, { safety });
  await settled(fixture);
  for (let index = 4; index < 8; index += 1) await put(fixture, `f${index}`, bytesOf(1_000, index));
  const live = await Promise.all([0, 1, 2].map(async (node) => (await pathsOf(fixture, node, 'journal')).at(-1)!));
  const bytes = await Promise.all(live.map((path) => readFile(path)));
  const shortest = Math.min(...bytes.map(({ length }) => length));
  for (const path of live) await flip(path, shortest - 700);
  const damaged = await fixture.drive.check();
  assert.match(damaged.findings.join('\n'), /changes \d+ to \d+ are in the index alone.*do not rebuild/);
  const { degraded, findings } = await fixture.drive.proofs.scrub({});
  assert.deepEqual(findings, []);
  assert.match(degraded.join('\n'), /a new checkpoint of the index stands in for it on every node/);
  assert.match(degraded.join('\n'), /journal file \S+ is damaged; a newer checkpoint stands in for it/);
  // Nothing is left to do: it goes with the checkpoints to come.
  assert.deepEqual((await fixture.drive.proofs.scrub({})).degraded, []);
  const after = await fixture.drive.check();
  assert.deepEqual([after.findings, after.degraded], [[], []]);
  const { differences } = await fixture.drive.rehearse();
  assert.equal(differences, 0);
  await reopen(fixture);
  assert.deepEqual((await fixture.drive.check()).degraded, []);
});

test('journal files that are gone are missed, and a new checkpoint stands in for them', async (t) => {
  const fixture = await openTestDrive(t, { safety });
  await settled(fixture);
  await reopen(fixture);
  const journal = (await pathsOf(fixture, 0, 'journal')).slice(0, -1);
  for (const path of [...journal, ...(await pathsOf(fixture, 0, 'checkpoints'))]) await rm(path);
  const { degraded } = await fixture.drive.proofs.scrub({});
  assert.match(degraded.join('\n'), /node-1: no other node holds what its journal lacks; a new checkpoint/);
  assert.deepEqual((await fixture.drive.check()).degraded, []);
});

test('the recovery kit is written again where it rotted or is gone, and nothing else is', async (t) => {
  const fixture = await openTestDrive(t, { safety });
  await settled(fixture);
  // What the opening writes is there.
  await reopen(fixture);
  const kit = await pathsOf(fixture, 0, 'recovery');
  const whole = await contents(kit);
  assert.equal(kit.length, 3);
  await flip(kit[0]!, 500);
  await rm(kit[1]!);
  const { degraded } = await fixture.drive.proofs.scrub({});
  assert.equal(degraded.length, 2);
  assert.match(degraded.join('\n'), /node-1: recovery\/\S+: not as it should be; it was written again/);
  assert.deepEqual(await contents(kit), whole);
  assert.deepEqual((await fixture.drive.proofs.scrub({})).degraded, []);
});
