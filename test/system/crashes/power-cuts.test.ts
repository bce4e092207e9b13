/**
 * The power goes at state-changing system calls of ten workloads, one in four of each (one in eight of an opening): the
 * index and three nodes, each on a file system of its own, lose what was not synced, and the process is gone. Then
 * everything acknowledged must be there to the byte, what was under way wholly there or wholly absent, and `check` must
 * find no damage; at the end of each volume nothing at all, after a rebuild of the index from the nodes.
 * HOLDFAST_SOAK=1 takes every call, on XFS as well: half an hour and more. HOLDFAST_POINT repeats what a failure names.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GiB, loopDiskTools, missing } from '../tools/requirements.js';
import { chosenPoints, isSoak, replayCommand, stepOf } from './tools/chosen-points.js';
import type { FileSystemName } from './tools/crash-disks.js';
import { CrashSweep } from './tools/crash-sweep.js';
import { type WorkloadName, workloads } from './tools/struck/workloads.js';
import { Tally } from './tools/tally.js';

const fileSystems: readonly FileSystemName[] = isSoak ? ['ext4', 'xfs'] : ['ext4'];
/** A workload with fewer calls than this has lost its meaning. */
const fewestPoints = isSoak ? 30 : 10;

for (const fileSystem of fileSystems) {
  for (const workload of Object.keys(workloads) as WorkloadName[]) {
    const range = chosenPoints(workload, 'cut');
    if (!range) continue;
    const skip = missing({ tools: [...loopDiskTools, 'cc', 'mkfs.xfs'], root: true, freeBytes: GiB });
    test(`power cuts at the calls of ${workload} on ${fileSystem}`, { skip, timeout: 1_200_000 }, async (context) => {
      const tally = new Tally();
      const replay = replayCommand(import.meta.url, workload, 'cut');
      const sweep = await CrashSweep.create(context, { fileSystem, workload, action: 'cut', tally, replay });
      let at = range.first;
      while (at <= range.last && (await sweep.strike(at))) at += stepOf(workload);
      await sweep.end();
      tally.tell(context, `cut, ${workload} (${sweep.calls} calls)`);
      if (range.last === Number.POSITIVE_INFINITY)
        assert.ok(tally.points >= fewestPoints, `only ${tally.points} points`);
    });
  }
}
