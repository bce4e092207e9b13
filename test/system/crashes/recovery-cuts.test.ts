/**
 * Power cuts during the recovery from a power cut: a workload is cut, its recovery is cut at one call, the recovery of that
 * at another one, and then all must be as after a single cut. HOLDFAST_SOAK=1: many times more, on XFS too.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GiB, loopDiskTools, missing } from '../tools/requirements.js';
import { tellReached } from '../tools/time-left.js';
import { askedPoints, isSoak, replayCommand } from './tools/chosen-points.js';
import type { FileSystemName } from './tools/crash-disks.js';
import { CrashSweep } from './tools/crash-sweep.js';
import { type WorkloadName, workloads } from './tools/struck/workloads.js';
import { Tally } from './tools/tally.js';

const rounds = isSoak ? 100 : 12;
const fileSystems: readonly FileSystemName[] = isSoak ? ['ext4', 'xfs'] : ['ext4'];
/** A recovery makes about so many calls; their numbers and those of the workload go round with steps that share no factor. */
const recoveryCalls = 71;
const workloadCalls = 67;
/** Every so many recoveries have to make the index anew. */
const rebuildEvery = 4;
/** Of each workload; the last rounds are for recoveries that were over before their call. */
const fewestEach = 20;
/** Over all workloads. */
const fewestRecoveries = fewestEach * Object.keys(workloads).length;
let struck = 0;
const skip = missing({ tools: [...loopDiskTools, 'cc', 'mkfs.xfs'], root: true, freeBytes: GiB });

for (const fileSystem of fileSystems) {
  for (const workload of Object.keys(workloads) as WorkloadName[]) {
    const asked = askedPoints(workload, 'recovery');
    if (!asked) continue;
    test(`power cuts during the recovery from cuts of ${workload} on ${fileSystem}`, {
      skip,
      timeout: 1_800_000,
    }, async (context) => {
      const tally = new Tally();
      const replay = replayCommand(import.meta.url, workload, 'recovery');
      const sweep = await CrashSweep.create(context, { fileSystem, workload, action: 'cut', tally, replay });
      const chosen = asked === 'all' ? Array.from({ length: rounds }, (_, index) => ({ at: 1 + index })) : asked;
      let recoveries = 0;
      for (const { at: round } of chosen) {
        if (asked === 'all' && !isSoak && recoveries >= fewestEach) break;
        // A workload that ended before its call is followed by a recovery all the same, of a clean end.
        await sweep.strike(1 + ((round * 29) % workloadCalls), round);
        for (const turn of [0, 1]) {
          const at = 1 + (((round * 2 + turn) * 11) % recoveryCalls);
          const dropIndex = turn === 0 && round % rebuildEvery === 0;
          if (await sweep.strikeRecovery(at, { dropIndex })) recoveries += 1;
        }
      }
      await sweep.end();
      tally.tell(context, `cut, ${workload}, ${recoveries} of them during a recovery`);
      struck += recoveries;
    });
  }
}

test('enough recoveries were cut', { skip: skip || Boolean(process.env.HOLDFAST_POINT) }, (context) => {
  tellReached(context, 'power cuts during a recovery', struck, fewestRecoveries);
  assert.ok(struck >= fewestRecoveries, `only ${struck} recoveries`);
});
