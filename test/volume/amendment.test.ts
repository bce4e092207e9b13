/** Partial updates of the real volume: what they share, what they cost, and what a crash leaves. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DriveVolume } from '../../src/volume/drive-volume.js';
import { randomBytes } from '../drive/drive-fixture.js';
import { amendment, contentOf, store, volumeAmendSuite } from '../suites/volume-amend-suite.js';
import { MemoryVolume } from '../support/memory-volume.js';
import { TestVolume } from './volume-fixture.js';

const MiB = 1024 * 1024;

async function begin(t: TestContext): Promise<{ drive: TestVolume; volume: DriveVolume }> {
  const drive = await TestVolume.create(t);
  const { clock, random } = drive;
  return { drive, volume: new DriveVolume({ id: '0', name: 'home', engine: async () => drive.engine, clock, random }) };
}

volumeAmendSuite('amending a volume in memory', async () => new MemoryVolume('home'));
volumeAmendSuite('amending a real volume', async (t) => (await begin(t)).volume);

test('chunks that are not touched are neither read nor written: they are the same ones', async (t) => {
  const { drive, volume } = await begin(t);
  const before = randomBytes(9 * MiB + 5);
  await store(volume, 'file', before);
  const chunks = async () =>
    drive.meta.reader.contentChunks((await volume.stat(['file']))!.content!, 0, 100).map(({ chunk }) => chunk);
  const old = await chunks();
  const { storedBytes } = drive.meta.reader.counts();
  // Without those of a second copy because the first is slow: here only the machine is.
  const reads = () =>
    [...drive.stores.values()].flatMap(({ log }) =>
      log.filter(({ operation, phase }) => operation === 'read' && phase === 'start'),
    ).length - drive.engine.segmentReader.counters.hedges;
  const readsBefore = reads();
  await volume.amend(['file'], amendment('start', 4 * MiB + 100, 'x'.repeat(50)), {});
  const now = await chunks();
  assert.deepEqual(
    now.flatMap((chunk, index) => (chunk === old[index] ? [] : [index])),
    [4],
  );
  const grownBytes = drive.meta.reader.counts().storedBytes - storedBytes;
  assert.ok(grownBytes > MiB && grownBytes < MiB + 100_000, `${grownBytes} bytes were written`);
  assert.ok(reads() - readsBefore <= 6, `${reads() - readsBefore} reads`);
  const expected = Buffer.from(before);
  expected.write('x'.repeat(50), 4 * MiB + 100);
  assert.ok((await contentOf(volume, 'file')).equals(expected));
  assert.deepEqual(drive.meta.reader.unfinishedContents(), []);
  assert.deepEqual(drive.engine.segments.pinned(), []);
});

test('appends at the same time all land', async (t) => {
  const { volume } = await begin(t);
  await store(volume, 'log', '');
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}\n`);
  await Promise.all(lines.map((line) => volume.amend(['log'], amendment('end', 0, line), {})));
  assert.deepEqual(
    (await contentOf(volume, 'log')).toString().split('\n').filter(Boolean).sort(),
    lines.map((line) => line.trim()).sort(),
  );
});

test('an answered amendment is there after a crash, and after the old content is pruned', async (t) => {
  const { drive, volume } = await begin(t);
  await store(volume, 'file', randomBytes(6 * MiB));
  await volume.amend(['file'], amendment('start', MiB - 1, 'edge'), {});
  const expected = await contentOf(volume, 'file');
  await drive.crash();
  await drive.reopen();
  assert.ok((await contentOf(volume, 'file')).equals(expected));
  for (let pruned = 1; pruned > 0; ) {
    const before = drive.engine.committer.currentTip.sequence;
    ({ pruned = 0 } = await drive.change({ kind: 'prune', limit: 100, before, pinned: [] }));
  }
  assert.ok((await contentOf(volume, 'file')).equals(expected));
});
