/** What the errno sweep tells its process, and what that says: one JSON object a line. */
import type { FaultName, Lasting } from './struck/fault-control.js';
import type { WorkloadName } from './struck/workloads.js';

export interface ErrorFault {
  readonly action: FaultName;
  readonly lasting: Lasting;
  /** Whose calls count: all four disks', the index's, or those of one node (another one at each point). */
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
  /** Number of the call of the first point. */
  readonly first: number;
  /** Between the calls of two points. */
  readonly step: number;
  readonly points: number;
}

export type ErrorMessage =
  | {
      readonly point: number;
      readonly struck: { readonly call: string; readonly path: string };
      readonly refused: boolean;
    }
  | { readonly violation: string; readonly at: number }
  /** `ended`: the last point's call was not reached any more. */
  | { readonly finished: true; readonly ended: boolean };
