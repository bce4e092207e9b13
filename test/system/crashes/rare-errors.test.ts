/** As errors.test.ts, with errors that are rare: each in some of the workloads, for a process costs more than its points. */
import { isSoak } from './tools/chosen-points.js';
import { type ErrorPlan, everywhere, lastingly, struckByErrors, testErrors } from './tools/errors/error-tests.js';
import type { FaultName } from './tools/struck/fault-control.js';

const rare: readonly FaultName[] = ['EDQUOT', 'EROFS', 'ENXIO', 'ESTALE', 'EINTR', 'EAGAIN', 'EMFILE'];
/** Every fourth, another one each time. */
const someOf = (turn: number) => struckByErrors.filter((_, index) => index % 4 === turn % 4);

const plans = rare.flatMap((action, turn): ErrorPlan[] => [
  { action, lasting: 'once', scope: 'all', share: [1, 2], workloads: someOf(turn) },
  { action, lasting: lastingly(action), scope: 'node', share: [1, 2], workloads: someOf(turn + 2) },
]);

testErrors(import.meta.url, isSoak ? everywhere(rare) : plans, { hurried: 100, all: 700 });
