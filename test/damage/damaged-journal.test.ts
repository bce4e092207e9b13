/** Journals that are damaged in ways of their own, with the index gone: what the nodes hold together must come back. */
import assert from 'node:assert/strict';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { decodeBatches } from '../../src/segment/batch-reader.js';
import { DamagedVolume, memoryFolder, type Tree } from './damaged-volume.js';

interface Begun {
  readonly volume: DamagedVolume;
  readonly truth: Tree;
}

/** Three openings, each with journal files of its own, and several batches in each. */
async function begin(context: TestContext): Promise<Begun> {
  const volume = await new DamagedVolume(join(await memoryFolder(context), 'volume')).create();
  for (let opening = 0; opening < 3; opening += 1) {
    await volume.open();
    for (let file = 0; file < 4; file += 1) {
      await volume.put(`${opening} ${file}`, Buffer.from(`bytes of ${opening} ${file}`));
    }
    if (opening < 2) await volume.close();
  }
  const truth = await volume.tree();
  await volume.close();
  return { volume, truth };
}

/** Opened without its index it must show the truth, and all of it from the new index too. */
async function mustComeBack({ volume, truth }: Begun): Promise<void> {
  for (const suffix of ['', '-closed']) await rm(volume.index + suffix, { force: true });
  try {
    await volume.open();
    await volume.mustShow(truth);
    await volume.close();
    await volume.open();
    await volume.mustShow(truth);
  } finally {
    await volume.close();
  }
}

interface JournalFile {
  readonly path: string;
  readonly bytes: Buffer;
  /** Offsets of its batches. */
  readonly offsets: readonly number[];
}

/** The journal files of a node that hold more than an epoch's own batch, oldest first. */
async function journalOf(volume: DamagedVolume, node: number): Promise<JournalFile[]> {
  const files: JournalFile[] = [];
  for (const path of await volume.files(volume.nodes[node]!, 'journal')) {
    const bytes = await readFile(path);
    let end = 0;
    const offsets = decodeBatches(bytes).batches.map((batch) => {
      end += batch.bytes.length;
      return end - batch.bytes.length;
    });
    if (offsets.length > 1) files.push({ path, bytes, offsets });
  }
  assert.ok(files.length >= 3, files.map(({ path }) => basename(path)).join(' '));
  return files;
}

async function flipIn({ path, bytes, offsets }: JournalFile, batch: number): Promise<void> {
  const damaged = Buffer.from(bytes);
  damaged[offsets.at(batch)! + 120]! ^= 4;
  await writeFile(path, damaged);
}

test('a record that stands twice in a journal counts once', { timeout: 400_000 }, async (t) => {
  const begun = await begin(t);
  for (const node of [0, 1]) {
    const { path, bytes, offsets } = (await journalOf(begun.volume, node)).at(-1)!;
    const [from, to] = [offsets.at(-3)!, offsets.at(-2)!];
    await writeFile(path, Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, to), bytes.subarray(to)]));
  }
  await mustComeBack(begun);
});

test('files that are missing in the middle of a journal are taken from the other node', {
  timeout: 400_000,
}, async (t) => {
  const begun = await begin(t);
  const files = await journalOf(begun.volume, 0);
  for (const { path } of files.slice(1, -1)) await rm(path);
  await mustComeBack(begun);
});

test('journals that miss different files are read together', { timeout: 400_000 }, async (t) => {
  const begun = await begin(t);
  await rm((await journalOf(begun.volume, 0))[0]!.path);
  await rm((await journalOf(begun.volume, 1))[1]!.path);
  await mustComeBack(begun);
});

test('journals that are damaged in different files are read together', { timeout: 400_000 }, async (t) => {
  const begun = await begin(t);
  await flipIn((await journalOf(begun.volume, 0)).at(-1)!, 2);
  await flipIn((await journalOf(begun.volume, 1)).at(-2)!, 2);
  await mustComeBack(begun);
});

test('journals that are damaged at different places of one run are read together', {
  timeout: 400_000,
}, async (t) => {
  const begun = await begin(t);
  await flipIn((await journalOf(begun.volume, 0)).at(-1)!, 2);
  await flipIn((await journalOf(begun.volume, 1)).at(-1)!, 3);
  await mustComeBack(begun);
});

test('a node that comes back with a damaged journal is made current, and brings nothing wrong', {
  timeout: 400_000,
}, async (t) => {
  const { volume } = await begin(t);
  const [node] = volume.nodes;
  const away = `${node}.away`;
  await cp(node!, away, { recursive: true });
  await rm(node!, { recursive: true });
  await volume.open();
  await volume.put('while it was away', Buffer.from('away'));
  await volume.delete(['0 0']);
  const truth = await volume.tree();
  await cp(away, node!, { recursive: true });
  await flipIn((await journalOf(volume, 0)).at(-1)!, 2);
  await volume.untilAllAreHere();
  await volume.mustShow(truth);
  await volume.close();
  await mustComeBack({ volume, truth });
});
