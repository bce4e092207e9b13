/** Uploads to folders with a number of copies of their own: which chunks are hits, and where a chunk is read from then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../src/core/errors.js';
import type { SegmentRow } from '../../src/meta/rows.js';
import { TestVolume } from './volume-fixture.js';

async function protectedVolume(...parameters: Parameters<typeof TestVolume.create>): Promise<TestVolume> {
  const volume = await TestVolume.create(...parameters);
  await protectFolders(volume);
  return volume;
}

async function protectFolders(volume: TestVolume): Promise<void> {
  for (const [folder, replicas] of [
    ['precious', 3],
    ['scratch', 1],
  ] as const) {
    await volume.makeFolder(folder);
    await volume.change({ kind: 'protect', path: [folder], replicas });
  }
}

async function save(volume: TestVolume, target: string, text: string): Promise<boolean> {
  const path = target.split('/');
  const upload = await volume.engine.upload({ path });
  try {
    await upload.write(Buffer.from(text));
    const { staged, chunks, session } = await upload.finish();
    const put = { kind: 'put', path, content: staged, copies: session.wanted } as const;
    return (await volume.change(put, chunks)).needsChanged ?? false;
  } finally {
    upload.end();
  }
}

/** Where the file's only chunk lies. */
function home({ meta: { reader } }: TestVolume, target: string): SegmentRow {
  const [chunk] = reader.contentChunks(reader.lookup(target.split('/'))!.content!, 0, 1);
  return reader.segment(chunk!.place!.segment)!;
}

const holders = (row: SegmentRow) => row.replicas.filter(({ state }) => state === 'good').length;

test('a file gets the copies of its folder, and keeps to them when it is saved again', async (t) => {
  const volume = await protectedVolume(t);
  for (const target of ['precious/a', 'b', 'scratch/c']) assert.equal(await save(volume, target, target), false);
  const rows = ['precious/a', 'b', 'scratch/c'].map((target) => home(volume, target));
  assert.deepEqual(
    rows.map((row) => [row.wanted, holders(row)]),
    [
      [3, 3],
      [2, 2],
      [1, 1],
    ],
  );
  await save(volume, 'scratch/c', 'changed');
  assert.deepEqual(home(volume, 'scratch/c').id, rows[2]!.id);
});

test('an upload needs the room that the copies of its folder take', async (t) => {
  const volume = await protectedVolume(t);
  const { availableBytes } = volume.engine.space();
  const asks = (folder: string, share: number) =>
    volume.engine.upload({ path: [folder, 'large'], expectedBytes: Math.floor(availableBytes * share) });
  await assert.rejects(asks('precious', 0.7), (error) => hasCode(error, 'OUT_OF_SPACE'));
  for (const [folder, share] of [
    ['precious', 0.6],
    ['usual', 0.9],
    ['scratch', 1.9],
  ] as const) {
    (await asks(folder, share)).end();
  }
});

test('a chunk is a hit only where it has as many copies as are wanted; else it is read from the better place', async (t) => {
  const volume = await protectedVolume(t);
  await save(volume, 'precious/a', 'one');
  await save(volume, 'scratch/a', 'one');
  assert.equal(home(volume, 'scratch/a').wanted, 3);
  await save(volume, 'scratch/b', 'two');
  assert.equal(home(volume, 'scratch/b').wanted, 1);
  await save(volume, 'precious/b', 'two');
  for (const target of ['precious/b', 'scratch/b']) assert.deepEqual(holders(home(volume, target)), 3);
  const rows = volume.meta.reader.segments('', 100);
  assert.equal(rows.find(({ wanted }) => wanted === 1)?.liveBytes, 0, 'what is there too is dead');
});

test('a chunk whose only copy is away is written again, and read from there; back again, the old copy is dead', async (t) => {
  const volume = await protectedVolume(t);
  await save(volume, 'scratch/a', 'text');
  const [holder] = home(volume, 'scratch/a').replicas;
  await volume.takeAway(holder!.node[0]!);
  await save(volume, 'scratch/a', 'text');
  const now = home(volume, 'scratch/a');
  assert.deepEqual([now.wanted, holders(now)], [1, 1]);
  assert.notEqual(now.replicas[0]!.node, holder!.node);
  assert.equal(await volume.get('scratch/a'), 'text');
});

test('the same for what has two copies, both of them away', async (t) => {
  const volume = await protectedVolume(t, { letters: 'abcd' });
  await save(volume, 'a', 'text');
  const before = home(volume, 'a').replicas.map(({ node }) => node);
  for (const node of before) await volume.takeAway(node[0]!);
  await save(volume, 'b', 'text');
  assert.ok(home(volume, 'b').replicas.every(({ node }) => !before.includes(node)));
  assert.equal(await volume.get('b'), 'text');
});

test('what is put elsewhere than it was uploaded for is told', async (t) => {
  const volume = await protectedVolume(t);
  const upload = await volume.engine.upload({ path: ['scratch', 'a'] });
  await upload.write(Buffer.from('text'));
  const { staged, chunks, session } = await upload.finish();
  const put = { kind: 'put', path: ['precious', 'a'], content: staged, copies: session.wanted } as const;
  assert.equal((await volume.change(put, chunks)).needsChanged, true);
  upload.end();
});

test('an upload whose segment wants more than nodes are here has as many as there are, and is degraded', async (t) => {
  const volume = await protectedVolume(t, { letters: 'ab' });
  await save(volume, 'precious/a', 'text');
  const row = home(volume, 'precious/a');
  assert.deepEqual([row.wanted, holders(row)], [3, 2]);
  const degraded = volume.meta.reader.degraded({ wanted: 2, absent: [], limit: 9 });
  assert.deepEqual(
    degraded.map(({ id }) => id),
    [row.id],
  );
});

test('an opening that replays the journal gives settings and wanted copies back', async (t) => {
  const volume = await TestVolume.create(t);
  await volume.keepStaleIndex();
  await protectFolders(volume);
  for (const target of ['precious/a', 'b', 'scratch/c']) await save(volume, target, target);
  await volume.crash();
  await volume.returnToStaleIndex();
  await volume.reopen();
  assert.deepEqual(
    ['precious/a', 'b', 'scratch/c'].map((target) => home(volume, target).wanted),
    [3, 2, 1],
  );
  assert.equal(volume.meta.reader.protections().length, 2);
});
