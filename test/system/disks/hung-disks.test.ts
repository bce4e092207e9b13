/** Two disks stand still at once under load: their calls hold threads until they end, and the drive goes on without. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { storageDaemonTools } from '../blocks/tools/storage-daemon.js';
import { DavClient } from '../tools/dav-client.js';
import { DriveServer, mustHoldfast } from '../tools/drive-server.js';
import { GiB, KiB, loopDiskTools, MiB, missing } from '../tools/requirements.js';
import { Chance, contentOf, runSeed } from '../tools/seeded.js';
import { pause } from '../tools/wait.js';
import { dropCaches, Workspace } from '../tools/workspace.js';
import { mountMemory } from './tools/lane.js';
import { makeDisk, type SickDisk } from './tools/sick-disk.js';

const skip = missing({ tools: [...loopDiskTools, ...storageDaemonTools, 'sysctl'], root: true, fuse: true });
const files = 120;
const readers = 24;
/**
 * Time is counted in beats: an answer that needs no disk, and this long without one. A machine that does much else beats
 * slower and answers later by the same; a read that waits for a hung disk falls behind the beats on every machine.
 */
const beatMs = 50;
const hungBeats = 240;
/** A read that needs a hung disk asks another one long before this: 5 s. */
const longestGapBeats = 100;
/** A save waits for a disk that hangs while it is written to: once for its data, once for the journal, 10 s each. */
const longestSaveBeats = 600;

test('two hung disks freeze no reads, and a save waits for them twice at most', {
  skip,
  timeout: 900_000,
}, async (context) => {
  const workspace = await Workspace.create(context);
  await mountMemory(workspace, workspace.path, 2 * GiB);
  const sick = [await makeDisk(workspace, 'served', 'node-1'), await makeDisk(workspace, 'served', 'node-2')];
  const healthy: string[] = [];
  for (const name of ['node-3', 'node-4', 'node-5']) {
    healthy.push(await workspace.folder(name));
    await mountMemory(workspace, healthy.at(-1)!, 256 * MiB);
  }
  const directory = join(workspace.path, 'volume');
  const nodes = [...sick.map(({ path }) => path), ...healthy].flatMap((path) => ['--node', path]);
  await mustHoldfast('init', directory, ...nodes, '--replicas', '3', '--name', 'drive');
  const first = await DriveServer.start(workspace, { directory });
  await saveAll(first.url);
  // A new start, and nothing in the system's memory: reads have to go to the disks.
  await first.stop();
  await dropCaches();
  const server = await DriveServer.start(workspace, { directory });
  try {
    // First the disks, then all clients at once: nothing is known yet that would keep a read from asking them.
    for (const disk of sick) await disk.fall('hung');
    const { answered, longestGap, saves, longestSave } = await useFor(server.url, hungBeats);
    context.diagnostic(`${answered} reads; the longest time without an answer: ${longestGap} beats`);
    context.diagnostic(`${saves} saves; the longest took ${longestSave} beats`);
    assert.ok(longestGap < longestGapBeats, `for ${longestGap} beats no read was answered`);
    assert.ok(saves > 0 && longestSave < longestSaveBeats, `a save took ${longestSave} beats`);
  } finally {
    wake(sick);
  }
  await server.stop();
});

function wake(disks: readonly SickDisk[]): void {
  for (const disk of disks) disk.wake();
}

const sizeOf = (index: number): number => (index % 4 === 0 ? MiB : 64 * KiB) + index;

async function saveAll(url: string): Promise<void> {
  const dav = new DavClient(url);
  for (let index = 0; index < files; index++) {
    await dav.must('PUT', `file ${index}`, { body: contentOf(`file ${index}`, sizeOf(index)) });
  }
  dav.close();
}

/** Many readers and one who saves, each checking every byte, for so many beats. */
async function useFor(url: string, durationBeats: number) {
  const chance = new Chance(runSeed());
  let isOn = true;
  let beats = 0;
  let answered = 0;
  let longestGap = 0;
  let lastBeat = 0;
  const note = () => {
    longestGap = Math.max(longestGap, beats - lastBeat);
    lastBeat = beats;
    answered += 1;
  };
  const clients = Array.from({ length: readers }, async () => {
    const dav = new DavClient(url);
    while (isOn) {
      const index = chance.below(files);
      const bytes = await dav.get(`file ${index}`);
      assert.ok(bytes?.equals(contentOf(`file ${index}`, sizeOf(index))), `file ${index} is wrong`);
      if (isOn) note();
    }
    dav.close();
  });
  let saves = 0;
  let longestSave = 0;
  let isSaving = true;
  const saver = (async () => {
    const dav = new DavClient(url);
    for (; isOn; saves += 1) {
      const began = beats;
      await dav.must('PUT', `new ${saves % 20}`, { body: contentOf(`${saves}`, 9_000) });
      longestSave = Math.max(longestSave, beats - began);
    }
    dav.close();
  })().finally(() => {
    isSaving = false;
  });
  const clock = (async () => {
    const dav = new DavClient(url);
    for (; isSaving; beats += 1) {
      if (beats === durationBeats) {
        longestGap = Math.max(longestGap, beats - lastBeat);
        isOn = false;
      }
      await Promise.all([pause(beatMs), dav.must('HEAD', 'file 0')]);
    }
    dav.close();
  })().finally(() => {
    isOn = false;
  });
  await Promise.all([...clients, saver, clock]);
  return { answered, longestGap, saves, longestSave };
}
