/**
 * The sweeps would find what they look for: with disks for which fsync of segments, or of journals, does nothing and says it
 * did, a few points must show lost data. And they strike what they say: the shim sees every call of the program that
 * changes something on the disks, as strace counts them.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { mustRun } from '../tools/commands.js';
import { FaultShim } from '../tools/fault-shim.js';
import { GiB, loopDiskTools, missing } from '../tools/requirements.js';
import { Workspace } from '../tools/workspace.js';
import { formatPoint } from './tools/chosen-points.js';
import { CrashDisks } from './tools/crash-disks.js';
import { CrashSweep } from './tools/crash-sweep.js';
import type { PointTask } from './tools/point-task.js';
import { FaultControl } from './tools/struck/fault-control.js';
import { StruckProgram } from './tools/struck-program.js';
import { changesIn, countOf } from './tools/system-calls.js';
import { Tally } from './tools/tally.js';

const skip = missing({ tools: [...loopDiskTools, 'cc', 'strace'], root: true, freeBytes: GiB });
const attempts = 12;

for (const lie of ['/segments/', '/journal/']) {
  test(`fsync below ${lie} that does nothing is found`, { skip, timeout: 1_500_000 }, async (context) => {
    const tally = new Tally();
    const sweep = await CrashSweep.create(context, {
      fileSystem: 'ext4',
      workload: 'put-overwrite',
      action: 'cut',
      lie,
      tally,
      replay: (points) => `points ${points.map(formatPoint)}`,
    });
    await assert.rejects(async () => {
      for (let point = 1; point <= attempts; point += 1) await sweep.strike(point * 10);
    }, /not what was acknowledged|check found/);
    context.diagnostic(`found after ${tally.points} points`);
  });
}

for (const workload of ['clean', 'opening'] as const) {
  test(`the shim sees every call of ${workload} that changes something on the disks`, {
    skip,
    timeout: 900_000,
  }, async (context) => {
    const workspace = await Workspace.create(context);
    const shim = await FaultShim.compile(workspace);
    const program = await StruckProgram.write(workspace, 'point-process');
    const disks = await CrashDisks.create(workspace, 'ext4');
    await disks.renew();
    const at = (name: string) => join(workspace.path, name);
    FaultControl.make(at('control'));
    const { directory, nodePaths, paths } = disks;
    const task: PointTask = {
      directory,
      nodePaths,
      control: at('control'),
      log: at('acknowledged'),
      isNew: true,
      dropIndex: false,
      acknowledged: {},
      underWay: [],
      mustCheck: true,
      mustBecomeWhole: false,
      workload,
      folder: 'all',
      strikesOpening: false,
    };
    await writeFile(at('task'), JSON.stringify(task));
    const preloaded = Object.entries(shim.counting(paths, at('log'))).flatMap(([name, value]) => [
      '-E',
      `${name}=${value}`,
    ]);
    const traced = ['-f', '-qq', '-y', '-s', '0', '-o', at('trace'), ...preloaded, process.execPath, program.path];
    await mustRun('sh', ['-c', 'input=$1; shift; exec strace "$@" < "$input"', 'sh', at('task'), ...traced]);
    const seen = (await readFile(at('log'), 'utf8')).trim().split('\n');
    const counts = countOf(seen.map((line) => line.split(' ')[1]!));
    context.diagnostic(`${seen.length} calls: ${JSON.stringify(counts)}`);
    assert.ok(seen.length > 200, `only ${seen.length} calls`);
    assert.deepEqual(counts, changesIn(await readFile(at('trace'), 'utf8'), paths));
  });
}
