/** What the errno sweep tells its process, and what that says: one JSON object a line. */
import type { Point } from '../chosen-points.js';
import type { FaultName, Lasting } from '../struck/fault-control.js';
import type { WorkloadName } from '../struck/workloads.js';

export interface ErrorFault {
  readonly action: FaultName;
  readonly lasting: Lasting;
  /** Whose calls count: all four disks', the index's, or those of one node (each point names its own). */
  readonly scope: 'all' | 'index' | 'node';
}

/** As in `ENOSPC-for-good-node`. */
export const nameOf = ({ action, lasting, scope }: ErrorFault): string => `${action}-${lasting}-${scope}`;

export interface ErrorTask {
  /** On new, empty disks. */
  readonly directory: string;
  readonly nodePaths: readonly string[];
  readonly control: string;
  readonly log: string;
  readonly workload: WorkloadName;
  readonly fault: ErrorFault;
  readonly points: readonly Point[];
}

export type ErrorMessage =
  | {
      /** Which of the points; what a busy machine made shorter than it was planned has no such call. */
      readonly point: number;
      readonly struck: { readonly call: string; readonly path: string } | undefined;
      readonly refused: boolean;
    }
  | { readonly violation: string; readonly point: number }
  | { readonly finished: true };
