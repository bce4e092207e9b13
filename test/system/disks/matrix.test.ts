/**
 * Every fault of a node's disk, in every phase, with two and with three copies: no request of a client fails while a
 * copy is left, no byte is wrong, nothing is written where the disk is not, the fault is noticed, all copies are made
 * again without the disk, and with it back everything is whole and `check` finds nothing.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { storageDaemonTools } from '../blocks/tools/storage-daemon.js';
import { loopDiskTools, missing } from '../tools/requirements.js';
import { type Fault, faults } from './tools/faults.js';
import { Lane, phases } from './tools/lane.js';

const skip = missing({
  tools: [...loopDiskTools, ...storageDaemonTools, 'e2fsck', 'sysctl', 'rclone', 'chattr', 'find', 'dd'],
  root: true,
  fuse: true,
});
/** HOLDFAST_FAULT: only faults with this in their name. */
const wanted = faults.filter(({ name }) => name.includes(process.env.HOLDFAST_FAULT ?? ''));

/** Faults that share a drive, in turn; drives run side by side, for most of the time is spent waiting. */
const lanes = [2, 3].flatMap((replicas) => {
  const of = (kind: Fault['disk']) => wanted.filter(({ disk }) => disk === kind);
  const loops = of('loop');
  const half = Math.ceil(loops.length / 2);
  return [loops.slice(0, half), loops.slice(half), of('served'), of('fuse')]
    .filter((group) => group.length > 0)
    .map((group) => ({ replicas, kind: group[0]!.disk, group }));
});

describe('disks that fail while clients work', { concurrency: true, skip, timeout: 45 * 60_000 }, () => {
  for (const { replicas, kind, group } of lanes) {
    it(`${replicas} copies, a ${kind} disk: ${group.length} faults in ${phases.length} phases`, async (context) => {
      const lane = await Lane.open(context, { kind, replicas });
      let inFlight = 0;
      // A cell that failed leaves the drive in no state for others.
      let isSound = true;
      for (const fault of group) {
        for (const phase of phases) {
          if (!isSound) return;
          isSound = false;
          await context.test(`${fault.name}, ${phase}`, async (cell) => {
            const started = performance.now();
            const { noticedMs, requests, wasHealing } = await lane.run(fault, phase);
            if (wasHealing) inFlight += 1;
            const noticed = noticedMs === undefined ? 'not to be noticed' : `noticed in ${Math.round(noticedMs)} ms`;
            const seconds = ((performance.now() - started) / 1000).toFixed(1);
            cell.diagnostic(`${noticed}; ${requests} requests; ${wasHealing ? 'healing; ' : ''}${seconds} s`);
            isSound = true;
          });
        }
      }
      await lane.close();
      assert.ok(inFlight * 2 >= group.length, `healing was under way in ${inFlight} of ${group.length} cells only`);
    });
  }
});
