/**
 * An error at one state-changing call of a workload after the other: once, or for good until the workload has ended; of any disk,
 * of the index's or of one node. Errors of one node may refuse no change; the others may, and then it is wholly there or
 * wholly absent. Afterwards the drive becomes whole by itself and holds all that was acknowledged.
 * HOLDFAST_SOAK=1: every error at every call, once and for good. HOLDFAST_POINT repeats what a failure names.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GiB, loopDiskTools, missing } from '../tools/requirements.js';
import { chosenPoints, isSoak, replayCommand, stepOf } from './tools/chosen-points.js';
import { ErrorSweep } from './tools/error-sweep.js';
import { type ErrorFault, nameOf } from './tools/error-task.js';
import type { FaultName, Lasting } from './tools/struck/fault-control.js';
import type { WorkloadName } from './tools/struck/workloads.js';
import { Tally } from './tools/tally.js';

interface Plan extends ErrorFault {
  /** Every so many calls. */
  readonly step: number;
}

const rare: readonly FaultName[] = ['EDQUOT', 'EROFS', 'ENXIO', 'ESTALE', 'EINTR', 'EAGAIN', 'EMFILE'];
const scopes = ['all', 'index', 'node'] as const;

/** An interruption for good is none that a disk could cause. */
const lastingly = (action: FaultName): Lasting => (action === 'EINTR' ? 'a-while' : 'for-good');

const plans: readonly Plan[] = [
  { action: 'EIO', lasting: 'once', scope: 'all', step: 1 },
  { action: 'ENOSPC', lasting: 'for-good', scope: 'node', step: 1 },
  { action: 'ENOSPC', lasting: 'for-good', scope: 'index', step: 2 },
  { action: 'ENOSPC', lasting: 'for-good', scope: 'all', step: 3 },
  { action: 'EIO', lasting: 'for-good', scope: 'node', step: 2 },
  { action: 'short', lasting: 'once', scope: 'all', step: 3 },
  { action: 'hang', lasting: 'once', scope: 'node', step: 9 },
  ...rare.map((action) => ({ action, lasting: 'once', scope: 'all', step: 9 }) as const),
  ...rare.map((action) => ({ action, lasting: lastingly(action), scope: 'node', step: 9 }) as const),
];
const all: readonly Plan[] = [...rare, 'EIO' as const, 'ENOSPC' as const, 'short' as const].flatMap((action) =>
  (['once', lastingly(action)] as const).flatMap((lasting) =>
    scopes.map((scope) => ({ action, lasting, scope, step: 1 })),
  ),
);
const struck: readonly WorkloadName[] = [
  'put-new',
  'put-overwrite',
  'put-large',
  'copy',
  'move-overwrite',
  'delete-tree',
  'properties-and-locks',
  'opening',
];
/** Its points are many and cheap, and mostly alike. */
const stepInCi = isSoak ? 1 : 2;
/** A fault that struck no more often has lost its meaning. */
const fewestPoints = isSoak ? 5 : 2;
const skip = missing({ tools: [...loopDiskTools, 'cc'], root: true, freeBytes: GiB });

for (const { step: planned, ...fault } of isSoak ? all : plans) {
  const step = stepInCi * planned;
  const kind = nameOf(fault);
  const asked = struck.flatMap((workload) => {
    const range = chosenPoints(workload, kind);
    return range ? [{ workload, range }] : [];
  });
  if (asked.length === 0) continue;
  test(`${kind} at one call in ${stepOf('put-new', step)}`, {
    skip,
    timeout: 3_600_000,
  }, async (context) => {
    const sweep = await ErrorSweep.create(context, fault.action);
    const tally = new Tally();
    let refused = 0;
    for (const { workload, range } of asked) {
      const replay = replayCommand(import.meta.url, workload, kind);
      refused += await sweep.run({ workload, fault, step: stepOf(workload, step), range, tally, replay });
    }
    tally.tell(context, `${kind} (${refused} refused)`);
    if (!process.env.HOLDFAST_POINT) assert.ok(tally.points >= fewestPoints, `only ${tally.points} points`);
  });
}
