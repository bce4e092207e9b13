/**
 * Faults at exact calls of the real server, from the first one of its start on: power cuts and torn writes on all
 * disks at once, and errors of one node that no client may notice.
 */
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DriveServer, mustBeSound, mustHoldNoDamage, waitUntilWhole } from './tools/drive-server.js';
import { type Fault, FaultShim } from './tools/fault-shim.js';
import { GiB, loopDiskTools, MiB, missing } from './tools/requirements.js';
import { Chance, runSeed } from './tools/seeded.js';
import { type LoopVolume, TestVolume } from './tools/test-volume.js';
import { UploadStorm } from './tools/upload-storm.js';
import { waitUntil } from './tools/wait.js';
import { Workspace } from './tools/workspace.js';

const seed = runSeed();
const points = Number(process.env.HOLDFAST_POINTS ?? 16);
/** Of the storm after one node had its error. */
const fewestChanges = 20;
const options = {
  skip: missing({ tools: [...loopDiskTools, 'cc'], root: true, freeBytes: 4 * GiB }),
  timeout: 1_500_000,
};

test('power cut or torn write at a call: everything acknowledged is there', options, async (context) => {
  const { shim, loops, storm } = await prepare(await Workspace.create(context));
  const folders = [loops.index, ...loops.nodes].map((disk) => disk.path);
  for (const at of callNumbers(1500)) {
    const fault: Fault = { folders, at, action: at % 2 === 0 ? 'cut' : 'torn' };
    const sick = await startOrDie(loops.volume, shim, fault);
    if (sick) {
      await storm.run(sick.url);
      await waitUntil('the fault strikes', async () => !sick.isRunning);
    }
    storm.refusals.length = 0;
    for (const disk of [loops.index, ...loops.nodes]) await disk.powerUp();
    await verify(loops.volume, storm, `${fault.action} at call ${at}`);
  }
  await becomeWhole(loops.volume);
});

test('errors of one node are nobody else’s trouble', options, async (context) => {
  const workspace = await Workspace.create(context);
  const { shim, loops, storm } = await prepare(workspace);
  const { EIO, ENOSPC } = constants.errno;
  for (const at of callNumbers(200)) {
    const errno = at % 2 === 0 ? EIO : ENOSPC;
    const node = loops.nodes[at % loops.nodes.length]!;
    const log = join(workspace.path, 'calls.log');
    await rm(log, { force: true });
    const fault: Fault = { folders: [node.path], at, action: { errno }, sticky: at % 3 === 0, log };
    const sick = await startOrDie(loops.volume, shim, fault);
    assert.ok(sick, `errno ${errno} at call ${at} of one node kept the server from starting`);
    const running = storm.run(sick.url);
    const hasStruck = async () => storm.refusals.length > 0 || (await readFile(log, 'utf8')).includes(' !\n');
    await waitUntil(`call ${at} of one node fails`, hasStruck, { intervalMs: 20 });
    await storm.until(storm.acknowledged + fewestChanges);
    assert.deepEqual(storm.refusals, [], `errno ${errno} at call ${at} of one node, HOLDFAST_SEED=${seed}`);
    await sick.kill();
    await running;
    await verify(loops.volume, storm, `errno ${errno} at call ${at}`);
  }
  await becomeWhole(loops.volume);
});

/** The first calls belong to the start, the later ones to the storm. */
function callNumbers(last: number): number[] {
  const chance = new Chance(seed);
  return Array.from({ length: points }, (_, index) => 1 + chance.below(index % 2 === 0 ? 60 : last));
}

async function prepare(workspace: Workspace): Promise<{ shim: FaultShim; loops: LoopVolume; storm: UploadStorm }> {
  const shim = await FaultShim.compile(workspace);
  const loops = await TestVolume.onLoopDisks(workspace, { nodeBytes: GiB, indexBytes: 512 * MiB });
  const storm = new UploadStorm(seed, 3);
  const server = await loops.volume.serve();
  await storm.prepare(server.url);
  await server.stop();
  return { shim, loops, storm };
}

/** undefined when the fault struck before the server was ready. */
async function startOrDie(volume: TestVolume, shim: FaultShim, fault: Fault): Promise<DriveServer | undefined> {
  try {
    return await volume.serve({ env: shim.environment(fault) });
  } catch (error) {
    if (typeof fault.action !== 'string') throw error;
    return undefined;
  }
}

async function verify(volume: TestVolume, storm: UploadStorm, fault: string): Promise<void> {
  const server = await volume.serve();
  const findings = await storm.verify(server.url);
  assert.deepEqual(findings, [], `after ${fault}, HOLDFAST_SEED=${seed}\n${server.logTail()}`);
  await mustHoldNoDamage(volume.directory);
  await server.stop();
}

/** The drive heals itself; then nothing may be found. */
async function becomeWhole(volume: TestVolume): Promise<void> {
  const server = await volume.serve();
  await waitUntilWhole(volume.directory);
  await mustBeSound(volume.directory);
  await server.stop();
}
