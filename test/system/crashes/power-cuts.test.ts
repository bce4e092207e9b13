/**
 * The power goes at the state-changing system calls of ten workloads, all but the inner ones of rows of writes (call-plan.ts
 * says why they lose nothing): the index and three nodes, each on a file system of its own, lose what was not synced, and
 * the process is gone. Then everything acknowledged must be there to the byte, what was under way wholly there or wholly
 * absent, and `check` must find no damage; at the end of each volume nothing at all, after a rebuild of the index from the
 * nodes. In a hurry (time-left.ts) every other point of the plan comes first. HOLDFAST_SOAK=1 takes every call, on XFS as
 * well. HOLDFAST_POINT repeats what a failure names.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GiB, loopDiskTools, missing } from '../tools/requirements.js';
import { Chance, runSeed } from '../tools/seeded.js';
import { isHurried, tellReached } from '../tools/time-left.js';
import { planCalls, sweepTime, whileTime } from './tools/call-plan.js';
import { askedPoints, isSoak, replayCommand } from './tools/chosen-points.js';
import type { FileSystemName } from './tools/crash-disks.js';
import { CrashSweep } from './tools/crash-sweep.js';
import { type WorkloadName, workloads } from './tools/struck/workloads.js';
import { Tally } from './tools/tally.js';

const fileSystems: readonly FileSystemName[] = isSoak ? ['ext4', 'xfs'] : ['ext4'];
/** Of all workloads: fewer mean that they have lost their meaning. */
const fewest = { points: isHurried ? 220 : 450, calls: 1000 };
const skip = missing({ tools: [...loopDiskTools, 'cc', 'mkfs.xfs'], root: true, freeBytes: GiB });
const chance = new Chance(runSeed());
/** Other sweeps begin when this one has ended. */
const hasTime = sweepTime(0.6);
const struck = { points: 0, calls: 0 };
let planned = 0;

for (const fileSystem of fileSystems) {
  for (const workload of Object.keys(workloads) as WorkloadName[]) {
    const asked = askedPoints(workload, 'cut');
    if (!asked) continue;
    test(`power cuts at the calls of ${workload} on ${fileSystem}`, { skip, timeout: 1_800_000 }, async (context) => {
      const tally = new Tally();
      const replay = replayCommand(import.meta.url, workload, 'cut');
      const sweep = await CrashSweep.create(context, { fileSystem, workload, action: 'cut', tally, replay });
      const plan =
        asked === 'all' ? planCalls(await sweep.calls(), { chance }) : { points: asked, calls: asked.length };
      tally.begin();
      for (const { at } of whileTime(plan.points, [1, 2], hasTime)) await sweep.strike(at);
      await sweep.end();
      tally.tell(context, `cut, ${workload} (for ${plan.calls} calls)`);
      struck.points += tally.points;
      struck.calls += plan.calls;
      planned += plan.points.length;
    });
  }
}

test('enough calls were cut', { skip: skip || Boolean(process.env.HOLDFAST_POINT) }, (context) => {
  tellReached(context, `power cuts, of a plan for ${struck.calls} calls`, struck.points, planned);
  assert.ok(struck.points >= fewest.points * fileSystems.length, `only ${struck.points} points`);
  assert.ok(struck.calls >= fewest.calls * fileSystems.length, `only ${struck.calls} calls`);
});
