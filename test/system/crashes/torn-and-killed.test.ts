/**
 * As power-cuts.test.ts, with two other ends. Torn: at a write, half of it is made durable, then the power goes (on XFS).
 * Killed: the process gets SIGKILL before a call, and what it wrote stays in the system's memory. One write in eight,
 * one call in twelve; HOLDFAST_SOAK=1 takes all of them, on both file systems.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GiB, loopDiskTools, missing } from '../tools/requirements.js';
import { chosenPoints, isSoak, replayCommand, stepOf } from './tools/chosen-points.js';
import type { FileSystemName } from './tools/crash-disks.js';
import { CrashSweep } from './tools/crash-sweep.js';
import { type WorkloadName, workloads } from './tools/struck/workloads.js';
import { Tally } from './tools/tally.js';

interface Kind {
  readonly action: 'torn' | 'kill';
  readonly fileSystems: readonly FileSystemName[];
  readonly calls?: string;
  readonly step: number;
  readonly fewestPoints: number;
}

const kinds: readonly Kind[] = [
  {
    action: 'torn',
    fileSystems: isSoak ? ['xfs', 'ext4'] : ['xfs'],
    calls: 'write',
    step: isSoak ? 1 : 2,
    fewestPoints: isSoak ? 8 : 3,
  },
  { action: 'kill', fileSystems: ['ext4'], step: isSoak ? 1 : 3, fewestPoints: isSoak ? 10 : 3 },
];
const skip = missing({ tools: [...loopDiskTools, 'cc', 'mkfs.xfs'], root: true, freeBytes: GiB });

for (const { action, fileSystems, calls, step, fewestPoints } of kinds) {
  for (const fileSystem of fileSystems) {
    for (const workload of Object.keys(workloads) as WorkloadName[]) {
      const range = chosenPoints(workload, action);
      if (!range) continue;
      const title = action === 'torn' ? `torn writes of ${workload}` : `killed within ${workload}`;
      test(`${title} on ${fileSystem}`, { skip, timeout: 1_200_000 }, async (context) => {
        const tally = new Tally();
        const replay = replayCommand(import.meta.url, workload, action);
        const sweep = await CrashSweep.create(context, { fileSystem, workload, action, calls, tally, replay });
        for (let at = range.first; at <= range.last && (await sweep.strike(at)); ) at += stepOf(workload, step);
        await sweep.end();
        tally.tell(context, `${action}, ${workload}`);
        if (range.last === Number.POSITIVE_INFINITY) {
          assert.ok(tally.points >= fewestPoints, `only ${tally.points} points`);
        }
      });
    }
  }
}
