/** Kill -9 and power cuts at random moments of an upload storm: what was acknowledged is there, the rest is whole or absent. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DriveServer, mustBeSound, waitUntilWhole } from './tools/drive-server.js';
import type { LoopDisk } from './tools/loop-disk.js';
import { GiB, loopDiskTools, missing } from './tools/requirements.js';
import { Chance, runSeed } from './tools/seeded.js';
import { TestVolume } from './tools/test-volume.js';
import { UploadStorm } from './tools/upload-storm.js';
import { pause } from './tools/wait.js';
import { Workspace } from './tools/workspace.js';

const seed = runSeed();
const kills = Number(process.env.HOLDFAST_KILLS ?? 50);
const cuts = Number(process.env.HOLDFAST_CUTS ?? 20);

/** Before each crash, on the average of all so far. */
const fewestChanges = 6;
/** Longest storms before a crash: every fifth fills segments, the others strike among the first changes after an opening. */
const stormMs = { usual: 300, fifth: 1500 };

const options = { timeout: 1_500_000, skip: missing({}) };

test(`nothing acknowledged is lost in ${kills} kills`, options, async (context) => {
  const workspace = await Workspace.create(context);
  const volume = await TestVolume.inFolders(workspace);
  await stormAndCrash(volume, kills, async (server) => server.kill());
});

test('nothing acknowledged is lost when a kill takes the index along', options, async (context) => {
  const workspace = await Workspace.create(context);
  const volume = await TestVolume.inFolders(workspace);
  await stormAndCrash(volume, Math.ceil(kills / 8), async (server) => {
    await server.kill();
    for (const suffix of ['', '-wal', '-shm']) await rm(join(volume.directory, `index.db${suffix}`), { force: true });
  });
});

test(`nothing acknowledged is lost in ${cuts} power cuts`, {
  timeout: 1_500_000,
  skip: missing({ tools: loopDiskTools, root: true, freeBytes: 4 * GiB }),
}, async (context) => {
  const workspace = await Workspace.create(context);
  const { volume, index, nodes } = await TestVolume.onLoopDisks(workspace, { nodeBytes: 2 * GiB, indexBytes: GiB });
  const chance = new Chance(seed);
  await stormAndCrash(volume, cuts, (server) => cutPower(server, [index, ...nodes], chance));
});

/** Half of the cuts take all disks at one instant; in the others the server sees them go one after the other. */
async function cutPower(server: DriveServer, disks: readonly LoopDisk[], chance: Chance): Promise<void> {
  if (chance.next() < 0.5) await server.freeze();
  const order = disks.map((disk) => ({ disk, turn: chance.next() })).sort((one, other) => one.turn - other.turn);
  for (const { disk } of order) await disk.cutPower();
  await server.kill();
  for (const disk of disks) await disk.powerUp();
}

async function stormAndCrash(
  volume: TestVolume,
  rounds: number,
  crash: (server: DriveServer) => Promise<void>,
): Promise<void> {
  const chance = new Chance(seed);
  const storm = new UploadStorm(seed);
  let server = await volume.serve();
  await storm.prepare(server.url);
  for (let round = 1; round <= rounds; round++) {
    const running = storm.run(server.url);
    await pause(chance.between(20, round % 5 === 0 ? stormMs.fifth : stormMs.usual));
    // A slow machine has had no storm by then.
    await storm.until(round * fewestChanges);
    assert.deepEqual(storm.refusals, [], `refused before the crash, round ${round}, HOLDFAST_SEED=${seed}`);
    await crash(server);
    await running;
    // After the first disk is gone a refusal is right; the change counts as not acknowledged.
    storm.refusals.length = 0;
    server = await volume.serve();
    const findings = await storm.verify(server.url);
    assert.deepEqual(findings, [], `after crash ${round}, HOLDFAST_SEED=${seed}\n${server.logTail()}`);
  }
  await waitUntilWhole(volume.directory);
  await mustBeSound(volume.directory);
  await server.stop();
}
