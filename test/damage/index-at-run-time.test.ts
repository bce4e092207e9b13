/** An index that turns out to be damaged while it is in use: no wrong answer, a new index by itself, the old one kept. */
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testSafety } from '../../src/core/safety-parameters.js';
import { systemFileIo } from '../../src/core/system-file-io.js';
import { Database } from '../../src/meta/sqlite/binding.js';
import { leaveMark } from '../../src/meta/sqlite/index-mark.js';
import { DamagedVolume, memoryFolder } from './damaged-volume.js';

/** What is seen to be wrong by a reader, and what only by the writer or a checkpoint. */
const damages = [
  'UPDATE entry_row SET size = size + 1 WHERE kind = 0',
  "UPDATE entry_row SET name = 'x', key = 'x' WHERE kind = 0 AND parent = 1 AND id = (SELECT max(id) FROM entry_row)",
  'UPDATE entry_row SET modified = modified + 1',
  'UPDATE content_row SET refs = 0',
  'UPDATE page_row SET chunks = zeroblob(36)',
  'UPDATE chunk_row SET offset = offset + 1',
  'DELETE FROM chunk_row',
  'DELETE FROM replica_row',
  'UPDATE segment_row SET live_bytes = 0',
  "UPDATE property_row SET value = '<x/>'",
  'UPDATE dav_lock_row SET expires = 0',
];

test('an index that is damaged while it is open is made anew, and no wrong answer is given', {
  timeout: 400_000,
}, async (t) => {
  const cleanUps: (() => Promise<void>)[] = [];
  const folder = await memoryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
  const volume = await new DamagedVolume(join(folder, 'volume')).create();
  t.after(async () => {
    await volume.close();
    for (const cleanUp of cleanUps) await cleanUp();
  });
  await volume.open();
  await volume.fill(1, 8);
  const truth = await volume.tree();
  for (const sql of damages) {
    // Checksums and totals stay as they were: no trigger of the program runs here.
    await whileServed(volume.index, sql);
    await volume.mustShow(truth);
  }
  const anew = volume.events.filter(({ message }) => message.includes('was made anew'));
  assert.ok(anew.length >= damages.length - 1, `${anew.length} new indexes for ${damages.length} damages`);
  const aside = (await readdir(volume.directory)).filter((name) => /^index\.db\.aside-[^-]*-[^-]*-[^-]*$/.test(name));
  assert.ok(aside.length > 0, 'what was damaged is kept');
  await volume.put('plain/after', Buffer.from('after'));
  await volume.close();
  await volume.open();
  assert.ok((await volume.tree()).has('plain/after'));
});

test('damage of which nothing told at the opening, and that nobody asks for, is found while the index serves', {
  timeout: 400_000,
}, async (t) => {
  // The damage may be found while the drive is opened, which then waits for the new index.
  const safety = { ...testSafety, healGraceMs: 600_000, indexReadDelayMs: 0, retryMs: 120_000 };
  const volume = await new DamagedVolume(join(await memoryFolder(t), 'volume'), { safety }).create();
  t.after(() => volume.close());
  await volume.open();
  await volume.fill(1, 8);
  const truth = await volume.tree();
  await volume.close();
  const database = new Database(volume.index);
  database.exec('DELETE FROM property_row');
  database.close();
  await rm(`${volume.index}-closed`);
  await leaveMark(systemFileIo, volume.index); // As if it had happened below the file system.
  const drive = await volume.open();
  await new Promise<void>((resolve) => {
    const isAnew = ({ message }: { readonly message: string }) => message.includes('was made anew');
    drive.onEvent((event) => isAnew(event) && resolve());
    if (volume.events.some(isAnew)) resolve();
  });
  await volume.mustShow(truth);
});

/** A commit of the drive that holds the lock needs this thread to end: who waited for it within SQLite would wait in vain. */
async function whileServed(file: string, sql: string): Promise<void> {
  for (;;) {
    const database = new Database(file, { timeout: 0 });
    try {
      return void database.exec(sql);
    } catch (error) {
      if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    } finally {
      database.close();
    }
    await sleep(5);
  }
}
