/**
 * An error at one state-changing call of a workload after the other: once, or for good until the workload has ended; of any
 * disk, of the index's or of one node. Errors of one node may refuse no change; the others may, and then it is wholly
 * there or wholly absent. Afterwards the drive becomes whole by itself and holds all that was acknowledged. Here are the
 * errors that are common, at most of the calls that call-plan.ts chooses; rare-errors.test.ts has the others.
 * HOLDFAST_SOAK=1: every error at every call, once and for good. HOLDFAST_POINT repeats what a failure names.
 */
import { isSoak } from './tools/chosen-points.js';
import { type ErrorPlan, everywhere, testErrors } from './tools/errors/error-tests.js';

const plans: readonly ErrorPlan[] = [
  { action: 'EIO', lasting: 'once', scope: 'all', share: [1, 1] },
  { action: 'ENOSPC', lasting: 'for-good', scope: 'node', share: [1, 2] },
  { action: 'ENOSPC', lasting: 'for-good', scope: 'index', share: [1, 2] },
  { action: 'ENOSPC', lasting: 'for-good', scope: 'all', share: [1, 3] },
  { action: 'EIO', lasting: 'for-good', scope: 'node', share: [1, 2] },
  { action: 'short', lasting: 'once', scope: 'all', share: [1, 2] },
  { action: 'hang', lasting: 'once', scope: 'node', share: [1, 15] },
];

testErrors(import.meta.url, isSoak ? everywhere(['EIO', 'ENOSPC', 'short']) : plans, { hurried: 200, all: 1_300 });
