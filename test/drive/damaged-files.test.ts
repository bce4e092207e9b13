/** Which files `status` calls damaged, and for how long. */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DriveError, hasCode } from '../../src/core/errors.js';
import { DamagedFiles } from '../../src/drive/status/damaged-files.js';
import type { MetaReader } from '../../src/meta/meta-store.js';
import type { EntryRow } from '../../src/meta/rows.js';
import { withCode } from '../suites/index-driver.js';
import { names, randomBytes, TestDrive } from './drive-fixture.js';

const lengthBytes = 300_000;

/** One file with bits flipped at one place in each of its copies; the pages before it was read. */
async function damagedDrive(t: Parameters<typeof TestDrive.create>[0]) {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'] })).open();
  await drive.put('file', randomBytes(lengthBytes));
  await drive.reopen(); // Seals the segment.
  const undo: (() => Promise<void>)[] = [];
  for (const node of drive.nodePaths) {
    for (const path of await segmentFiles(node)) {
      const whole = await readFile(path);
      const damaged = Buffer.from(whole);
      damaged[150_000]! ^= 1;
      await writeFile(path, damaged);
      undo.push(() => writeFile(path, whole));
    }
  }
  await assert.rejects(drive.get('file'), withCode('DAMAGED'));
  t.after(() => drive.closeUnchecked());
  const files = async () => (await drive.drive.status()).damagedFiles;
  await drive.until('it is named', async () => (await files()).length > 0);
  assert.deepEqual(await files(), ['/file']);
  return { drive, files, undo };
}

async function segmentFiles(node: string): Promise<string[]> {
  const folder = (await readdir(node)).find((name) => /^holdfast-[0-9a-f]{16}$/.test(name))!;
  const items = await readdir(join(node, folder, 'segments'), { recursive: true });
  return items.filter((name) => name.endsWith('.seg')).map((name) => join(node, folder, 'segments', name));
}

test('a damaged file is named by its path of now until it is saved anew or deleted', async (t) => {
  const { drive, files } = await damagedDrive(t);
  await drive.volume.move(names('file'), names('moved'), { overwrite: false });
  assert.deepEqual(await files(), ['/moved']);
  await drive.put('moved', 'from the backup');
  assert.deepEqual(await files(), []);
  await drive.put('again', randomBytes(lengthBytes));
  await drive.volume.delete(names('again'), {});
  assert.deepEqual(await files(), []);
});

test('a file that is whole again is not named any more', async (t) => {
  const { drive, files, undo } = await damagedDrive(t);
  for (const restore of undo) await restore();
  assert.ok((await drive.get('file')).equals(randomBytes(lengthBytes)));
  assert.deepEqual(await files(), []);
  // The copies count again once they were verified.
  await drive.drive.disks.heal({ dryRun: false });
  const isWhole = async () => (await drive.drive.status()).segments.degraded === 0;
  await drive.until('the copies are good', isWhole);
  assert.deepEqual((await drive.drive.check()).findings, []);
});

test('files on disks that are away are not damaged', async (t) => {
  const drive = await TestDrive.create(t, { nodes: ['a', 'b'] });
  Object.assign(drive.context.safety, { retryMs: 500 });
  await drive.open();
  await drive.put('file', 'content');
  for (const name of ['a', 'b']) await drive.pull(name);
  for (const name of ['a', 'b']) await drive.untilState(name, 'offline');
  // Which of the two depends on whether the volume was opened anew meanwhile.
  await assert.rejects(drive.get('file'), (error) => hasCode(error, 'UNAVAILABLE', 'READ_ONLY'));
  assert.deepEqual((await drive.drive.status()).damagedFiles, []);
  for (const name of ['a', 'b']) await drive.plug(name);
  for (const name of ['a', 'b']) await drive.untilState(name, 'online');
  assert.equal((await drive.get('file')).toString(), 'content');
});

test('a file whose parts had no known place is not named any more when these are found', () => {
  const places = new Map<string, unknown>();
  const entry = { id: 'e', content: 'c', name: 'file' } as unknown as EntryRow;
  const reader = { entry: () => entry, pathOf: () => ['file'], chunkPlace: (chunk: string) => places.get(chunk) };
  const damaged = new DamagedFiles();
  const list = () => damaged.list(reader as unknown as MetaReader, 10);
  for (const chunk of ['one', 'two']) {
    damaged.note(entry, new DriveError('DAMAGED', { details: { chunk } }), reader as unknown as MetaReader);
  }
  places.set('one', {});
  assert.deepEqual(list(), ['/file']);
  places.set('two', {});
  assert.deepEqual(list(), []);
});
