/**
 * The program under test of the errno sweep: at each point one call fails (or all from there on), the workload goes on or
 * is refused, the fault ends, and the drive must become whole by itself and hold what was acknowledged. Every few
 * points, and when the fault has struck the index, it is closed and opened again before.
 * Only what strikes the index, or all disks for good, may refuse a change: trouble of one node is nobody's trouble.
 */
import { appendFileSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { DriveError } from '../../../../../src/core/errors.js';
import { productionSafety } from '../../../../../src/core/safety-parameters.js';
import { createVolume } from '../../../../../src/drive.js';
import type { Point } from '../chosen-points.js';
import type { ErrorMessage, ErrorTask } from '../errors/error-task.js';
import { acknowledgedLine, readStrike } from '../strike-log.js';
import { applied, type Change, possibleTrees, type Tree } from '../tree.js';
import { DriveUnderTest } from './drive-under-test.js';
import { FaultControl } from './fault-control.js';
import { type Workload, workloads } from './workloads.js';

/** Faster, its background work would take more of the processor than what is tested. */
const speed = 20;
/** Real time; a change that may be refused need not wait for better days. */
const patienceMs = 30_000;
const impatienceMs = 50;
/** Longest wait for a state of the drive, on a machine that does much else. */
const waitMs = 180_000;
const hangMs = 2_500;
/** A drive that is not whole soon is opened again: what it waits for was measured in other tests. */
const soonMs = 250;
const reopenEvery = 8;
/** Without a reopening only what the last points saved is read. */
const recentPoints = 2;

const task = JSON.parse(readFileSync(0, 'utf8')) as ErrorTask;
const { directory, nodePaths, fault } = task;
const workload: Workload = workloads[task.workload];
const control = new FaultControl(task.control);
/** Whether a change may be refused whatever is struck. */
const isHopeless =
  fault.scope === 'index' || (fault.scope === 'all' && fault.lasting !== 'once') || fault.action === 'EMFILE';
const tested = new DriveUnderTest({
  directory,
  nodePaths,
  speed,
  safety: {
    ...(workload.checkpointAfterBytes === undefined ? {} : { checkpointAfterBytes: workload.checkpointAfterBytes }),
    ...(fault.action === 'hang' ? { writeDeadlineMs: hangMs * speed, readDeadlineMs: hangMs * speed } : {}),
    retryMs: (isHopeless ? impatienceMs : patienceMs) * speed,
    probeIntervalMs: 1_000 * speed,
    listingRest: productionSafety.listingRest,
    returnProbeIntervalMs: 10 * speed,
  },
  waitMs,
});
let acknowledged: Tree = {};
let current = 0;

void strikeAll().catch((error: Error) => {
  control.disarm();
  say({ violation: `${error.stack}\n${tested.events.slice(-40).join('\n')}`, point: current });
  // A drive that cannot even be closed must not keep the process.
  process.exit(1);
});

async function strikeAll(): Promise<void> {
  await createVolume({ directory, nodes: nodePaths, replicas: 2 });
  await tested.open();
  for (const [number, point] of task.points.entries()) {
    current = number;
    await strike(number, point);
  }
  await tested.close();
  say({ finished: true });
}

async function strike(number: number, { at, folder }: Point): Promise<void> {
  const underWay = new Map<number, Change>();
  const world = tested.world(folderOf(number), {
    begun: (begun, change) => underWay.set(begun, change),
    done: (change) => {
      acknowledged = applied(acknowledged, underWay.get(change)!);
      underWay.delete(change);
      appendFileSync(task.log, acknowledgedLine);
    },
  });
  truncateSync(task.log);
  if (workload.fromOpening) await tested.close();
  else await workload.prepare(world);
  control.arm({ at, action: fault.action, lasting: fault.lasting, folders: folder === undefined ? [] : [folder] });
  let refusal: unknown;
  try {
    if (workload.fromOpening) await tested.open();
    await workload.run(world);
  } catch (error) {
    refusal = error;
  }
  control.disarm();
  const struck = readStrike(task.log);
  judgeRefusal(refusal, struck?.path);
  await recover(number);
  const pending = [...underWay.values()];
  const mustCheck = number % reopenEvery === 0;
  const onlyBelow = mustCheck ? undefined : recentFolders(number);
  const found = await tested.verify(acknowledged, pending, { mustCheck, onlyBelow });
  acknowledged = possibleTrees(acknowledged, pending)[found]!;
  say({ point: number, struck, refused: refusal !== undefined });
}

function folderOf(number: number): string {
  return `point ${number}`;
}

function recentFolders(number: number): string[] {
  return Array.from({ length: recentPoints }, (_, ago) => folderOf(number - ago));
}

function judgeRefusal(refusal: unknown, path: string | undefined): void {
  if (refusal === undefined) return;
  const isOfIndex = path?.startsWith(directory) ?? false;
  const isPlain = refusal instanceof DriveError && refusal.code !== 'INTERNAL';
  if ((isHopeless || isOfIndex) && isPlain) return;
  throw new Error(`refused after trouble at ${path ?? 'no call'}: ${(refusal as Error).stack}`);
}

async function recover(number: number): Promise<void> {
  if (tested.isOpen) {
    const deadline = performance.now() + soonMs;
    await tested.until('it is whole or late', async () => {
      // A full disk would be asked again in half a minute of its clock.
      return (await tested.isWhole()) || (await tested.isFull()) || performance.now() > deadline;
    });
    if (number % reopenEvery !== 0 && (await tested.isWhole())) return;
    await tested.close();
  }
  await tested.open();
  await tested.until('nothing is degraded', () => tested.isWhole());
}

function say(message: ErrorMessage): void {
  writeSync(1, `${JSON.stringify(message)}\n`);
}
