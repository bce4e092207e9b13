import assert from 'node:assert/strict';
import { readFile, unlink } from 'node:fs/promises';
import { test } from 'node:test';
import type { VolumeEngine } from '../../src/volume/engine.js';
import {
  bytesOf,
  cutFile,
  type DriveFixture,
  eventsOf,
  flipBit,
  get,
  isWhole,
  MiB,
  openTestDrive,
  pull,
  put,
  reopen,
  segmentFiles,
  untilStatus,
  untilTrue,
} from './drive-fixture.js';

const files = 10;

async function fill(fixture: DriveFixture): Promise<void> {
  for (let file = 0; file < files; file += 1) await put(fixture, `file-${file}`, bytesOf(MiB, file));
  await reopen(fixture);
  await untilStatus(fixture, 'whole', isWhole);
}

async function readAll(fixture: DriveFixture): Promise<void> {
  for (let file = 0; file < files; file += 1)
    assert.ok((await get(fixture, `file-${file}`)).equals(bytesOf(MiB, file)), `file-${file}`);
}

test('segment files deleted beneath a healthy node are noticed without a read and copied again', async (t) => {
  const fixture = await openTestDrive(t);
  await fill(fixture);
  const lost = (await segmentFiles(fixture.nodes[0]!)).slice(0, 3);
  const before = await Promise.all(lost.map((path) => readFile(path)));
  for (const path of lost) await unlink(path);
  await untilStatus(fixture, 'healed', (status) => isWhole(status) && status.healing.healedSegments >= lost.length);
  for (const [index, path] of lost.entries()) assert.ok((await readFile(path)).equals(before[index]!));
  await readAll(fixture);
});

test('a segment file cut short is noticed by its length', async (t) => {
  const fixture = await openTestDrive(t);
  await fill(fixture);
  const [path] = await segmentFiles(fixture.nodes[1]!);
  const before = await readFile(path!);
  await cutFile(path!, before.length - 1000);
  await reopen(fixture);
  await untilStatus(fixture, 'healed', (status) => isWhole(status) && status.healing.healedSegments >= 1);
  assert.ok((await readFile(path!)).equals(before));
});

test('flipped bits are found at the next read, the read is right, and the copy is made good', async (t) => {
  // Else the scrub finds it first.
  const fixture = await openTestDrive(t, { safety: { scrubPeriodMs: Number.POSITIVE_INFINITY } });
  await fill(fixture);
  const damaged = (await segmentFiles(fixture.nodes[0]!)).slice(0, 3);
  const before = await Promise.all(damaged.map((path) => readFile(path)));
  // Two nodes are left to read from: only one of each pair of copies is damaged.
  // All chunks of them, for some are only ever asked for at the other node.
  for (const [index, path] of damaged.entries()) {
    for (let at = 5_000; at < before[index]!.length; at += 100_000) await flipBit(path, at);
  }
  // A node that was slow once is asked last, and what was read stays in memory: both until the next opening.
  for (let opening = 0; opening < 20; opening += 1) {
    await readAll(fixture);
    if ((await fixture.drive.status()).reads.checksumErrors > 0) break;
    await reopen(fixture);
  }
  assert.ok((await fixture.drive.status()).reads.checksumErrors > 0, 'no bad copy was ever read');
  const isHealed = async (path: string, index: number) => (await readFile(path)).equals(before[index]!);
  await untilTrue(
    async () => (await Promise.all(damaged.map(isHealed))).includes(true),
    () => eventsOf(fixture),
  );
  await untilStatus(fixture, 'healed', isWhole);
});

test('both copies damaged in different places: each gives the other what it lacks', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 2 });
  await fill(fixture);
  const [first] = await segmentFiles(fixture.nodes[0]!);
  const second = (await segmentFiles(fixture.nodes[1]!)).find((path) => path.endsWith(first!.slice(-29)))!;
  const before = await readFile(first!);
  await flipBit(first!, 500_000);
  await flipBit(second, 2_500_000);
  await readAll(fixture);
  // What was read stays in memory, and no read may have asked for a bad copy: what one that did would say.
  await noteDamaged(fixture, first!);
  await untilTrue(
    async () => (await readFile(first!)).equals(before) && (await readFile(second)).equals(before),
    () => eventsOf(fixture),
  );
  await untilStatus(fixture, 'whole', isWhole);
});

test('a node that is pulled while it holds the only copy is waited for, and nothing is given up', async (t) => {
  const fixture = await openTestDrive(t, { nodes: 3, replicas: 1 });
  await fill(fixture);
  const giveBack = await pull(fixture.nodes[0]!);
  const away = await untilStatus(fixture, 'lost for now', ({ segments }) => segments.lost > 0);
  assert.equal(away.health, 'damaged');
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // Beyond the grace: nothing can be copied.
  assert.ok((await fixture.drive.status()).segments.lost > 0);
  await giveBack();
  await untilStatus(fixture, 'back', ({ segments, nodes }) => {
    return segments.lost === 0 && nodes.every((node) => node.state === 'online');
  });
  await readAll(fixture);
});

/** The path of a segment file bears its node's id and its own. */
async function noteDamaged({ drive }: DriveFixture, path: string): Promise<void> {
  const [, node, segment] = /holdfast-([0-9a-f]{16})\/segments\/([0-9a-f-]{25})\.seg$/.exec(path)!;
  const { parts } = drive as unknown as { parts: { engine: { engine(): Promise<VolumeEngine> } } };
  const engine = await parts.engine.engine();
  const states = [{ segment: segment!, node: node!, state: 'damaged' as const }];
  await engine.committer.withWriter((writer) => writer.setReplicaStates(states));
}
