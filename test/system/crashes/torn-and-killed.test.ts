/**
 * As power-cuts.test.ts, with two other ends. Torn: at a write, half of it is made durable, then the power goes (on XFS).
 * Killed: the process gets SIGKILL before a call, and what it wrote stays in the system's memory.
 * In a hurry (time-left.ts) `least` of them come first. HOLDFAST_SOAK=1 takes every call, on both file systems.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GiB, loopDiskTools, missing } from '../tools/requirements.js';
import { Chance, runSeed } from '../tools/seeded.js';
import { isHurried, tellReached } from '../tools/time-left.js';
import { planCalls, type Share, sweepTime, thinned, whileTime } from './tools/call-plan.js';
import { askedPoints, isSoak, replayCommand } from './tools/chosen-points.js';
import type { FileSystemName } from './tools/crash-disks.js';
import { CrashSweep } from './tools/crash-sweep.js';
import { type WorkloadName, workloads } from './tools/struck/workloads.js';
import { Tally } from './tools/tally.js';

interface Kind {
  readonly action: 'torn' | 'kill';
  readonly fileSystems: readonly FileSystemName[];
  readonly only?: string;
  readonly between?: number;
  readonly share: Share;
  readonly least: Share;
  /** Of the time that is left when it begins. */
  readonly time: number;
}

const kinds: readonly Kind[] = [
  {
    action: 'torn',
    fileSystems: isSoak ? ['xfs', 'ext4'] : ['xfs'],
    only: 'write',
    between: 2,
    share: [14, 15],
    least: [1, 2],
    time: 0.5,
  },
  { action: 'kill', fileSystems: ['ext4'], share: [2, 3], least: [1, 2], time: 1 },
];
/** Of each kind, over all workloads. */
const wantedPoints = 300;
const fewestPoints = isHurried ? 140 : wantedPoints;
const skip = missing({ tools: [...loopDiskTools, 'cc', 'mkfs.xfs'], root: true, freeBytes: GiB });
const chance = new Chance(runSeed());

for (const { action, fileSystems, only, between, share, least, time } of kinds) {
  const hasTime = sweepTime(time);
  let points = 0;
  for (const fileSystem of fileSystems) {
    for (const workload of Object.keys(workloads) as WorkloadName[]) {
      const asked = askedPoints(workload, action);
      if (!asked) continue;
      const title = action === 'torn' ? `torn writes of ${workload}` : `killed within ${workload}`;
      test(`${title} on ${fileSystem}`, { skip, timeout: 1_800_000 }, async (context) => {
        const tally = new Tally();
        const replay = replayCommand(import.meta.url, workload, action);
        const sweep = await CrashSweep.create(context, { fileSystem, workload, action, tally, replay });
        const chosen =
          asked === 'all' ? thinned(planCalls(await sweep.calls(), { chance, only, between }).points, ...share) : asked;
        tally.begin();
        for (const { at } of whileTime(chosen, least, hasTime)) await sweep.strike(at);
        await sweep.end();
        tally.tell(context, `${action}, ${workload}`);
        points += tally.points;
      });
    }
  }
  test(`enough points: ${action}`, { skip: skip || Boolean(process.env.HOLDFAST_POINT) }, (context) => {
    tellReached(context, action === 'torn' ? 'torn writes' : 'processes killed', points, wantedPoints);
    assert.ok(points >= fewestPoints, `only ${points} points`);
  });
}
