/**
 * The sweeps would find what they look for: with disks for which fsync of segments, or of journals, does nothing and says it
 * did, a few points must show lost data. And they strike what they say: the shim sees every call of the program that
 * changes something on the disks, as strace counts them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GiB, loopDiskTools, missing } from '../tools/requirements.js';
import { CrashSweep } from './tools/crash-sweep.js';
import { Tally } from './tools/tally.js';

const skip = missing({ tools: [...loopDiskTools, 'cc'], root: true, freeBytes: GiB });
const attempts = 12;

for (const lie of ['/segments/', '/journal/']) {
  test(`fsync below ${lie} that does nothing is found`, { skip, timeout: 600_000 }, async (context) => {
    const sweep = await CrashSweep.create(context, {
      fileSystem: 'ext4',
      workload: 'put-overwrite',
      action: 'cut',
      lie,
      tally: new Tally(),
      replay: (first, last) => `points ${first} to ${last}`,
    });
    await assert.rejects(async () => {
      for (let point = 1; point <= attempts; point += 1) await sweep.strike(point * 10);
    }, /not what was acknowledged|check found/);
  });
}
