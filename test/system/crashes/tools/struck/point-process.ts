/**
 * The program under test of one point, run with the fault shim loaded. It opens the drive, which is the recovery of the
 * point before, verifies all that was acknowledged so far, prepares its workload, arms the fault and runs until it is
 * struck. Answers go out by synchronous writes: what the sweep has read was acknowledged.
 */
import { appendFileSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createVolume } from '../../../../../src/drive.js';
import { unverifiedSegments } from '../../../tools/unverified-segments.js';
import type { PointMessage, PointTask } from '../point-task.js';
import { acknowledgedLine } from '../strike-log.js';
import { compareCopies } from './copies.js';
import { DriveUnderTest } from './drive-under-test.js';
import { FaultControl } from './fault-control.js';
import { type Workload, workloads } from './workloads.js';

const waitMs = 180_000;
const wholeSpeed = 50;
const replicas = 2;

const task = JSON.parse(readFileSync(0, 'utf8')) as PointTask;
const workload: Workload = workloads[task.workload ?? 'put-new'];
const control = new FaultControl(task.control);
const { directory, nodePaths, log } = task;
const { checkpointAfterBytes } = workload;
// Copies in doubt are read every 30 s of the drive's clock.
const speed = task.mustBecomeWhole ? Math.max(wholeSpeed, workload.speed) : workload.speed;
const safety = checkpointAfterBytes === undefined ? {} : { checkpointAfterBytes };
const tested = new DriveUnderTest({ directory, nodePaths, speed, safety, waitMs });

void runPoint().catch(async (error: Error) => {
  // While the power goes, disk after disk, changes may fail; the kill is on its way then.
  await sleep(2_000);
  say({ violation: `${error.stack}\n${tested.events.join('\n')}` });
  // The drive is still open and would keep the process.
  process.exit(1);
});

async function runPoint(): Promise<void> {
  const { fault, strikesOpening } = task;
  if (task.isNew) await createVolume({ directory, nodes: nodePaths, replicas });
  if (task.dropIndex) for (const suffix of ['', '-wal', '-shm']) rmSync(indexFile(suffix), { force: true });
  const isEarly = strikesOpening || workload.fromOpening;
  if (fault && isEarly) control.arm(fault);
  await tested.open();
  say({ found: await tested.verify(task.acknowledged, task.underWay, task) });
  if (task.mustBecomeWhole) await becomeWhole();
  if (task.workload && !strikesOpening) await runWorkload(!isEarly);
  control.disarm();
  await tested.close();
  say({ finished: true });
}

async function runWorkload(mustArm: boolean): Promise<void> {
  const world = tested.world(task.folder, {
    begun: (number, change) => say({ begun: number, change }),
    done: (number) => {
      say({ done: number });
      appendFileSync(log, acknowledgedLine);
    },
  });
  await workload.prepare(world);
  if (mustArm) {
    await quiet();
    if (task.fault) control.arm(task.fault);
  }
  await workload.run(world);
}

async function becomeWhole(): Promise<void> {
  await tested.until('nothing is degraded or in doubt', async () => {
    return (await tested.isWhole()) && unverifiedSegments(directory).length === 0;
  });
  const { findings, degraded } = await tested.drive.check();
  const sentences = [...findings, ...degraded];
  await tested.close();
  sentences.push(...(await compareCopies(directory, replicas)));
  if (sentences.length > 0) throw new Error(`nothing is degraded, and yet: ${sentences.join('; ')}`);
}

/** Until no call that changes anything was made for a while: background work of the opening is not the workload. */
async function quiet(): Promise<void> {
  let [seen, calm] = [-1, 0];
  await tested.until('the drive is quiet', () => {
    calm = seen === control.seen ? calm + 1 : 0;
    seen = control.seen;
    return calm >= 4;
  });
}

function indexFile(suffix: string): string {
  return join(directory, `index.db${suffix}`);
}

function say(message: PointMessage): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}
