/** What the sweep tells the process of one point, and what that process says: one JSON object a line. */
import type { ArmedFault } from './struck/fault-control.js';
import type { WorkloadName } from './struck/workloads.js';
import type { Change, Tree } from './tree.js';

export interface PointTask {
  readonly directory: string;
  readonly nodePaths: readonly string[];
  /** The fault shim's control file. */
  readonly control: string;
  /** The fault shim's log. */
  readonly log: string;
  /** Makes the volume first. */
  readonly isNew: boolean;
  /** The index is deleted before the drive is opened: all must come from the nodes. */
  readonly dropIndex: boolean;
  /** What must be there ... */
  readonly acknowledged: Tree;
  /** ... and what may be there besides: changes without an answer. */
  readonly underWay: readonly Change[];
  /** Folders of the root that are read; default: all. */
  readonly onlyBelow?: readonly string[] | undefined;
  /** `check` belongs to the verification. */
  readonly mustCheck: boolean;
  /** After the verification waits until nothing is degraded, then demands a clean check and equal copies. */
  readonly mustBecomeWhole: boolean;
  /** Absent: it ends after the verification, killed or closed. */
  readonly workload?: WorkloadName | undefined;
  /** The folder in which the workload works. */
  readonly folder: string;
  readonly fault?: ArmedFault | undefined;
  /** The fault strikes the opening, whatever the workload says. */
  readonly strikesOpening: boolean;
}

export type PointMessage =
  /** Verified; which of the possible trees it is. */
  | { readonly found: number }
  | { readonly begun: number; readonly change: Change }
  | { readonly done: number }
  | { readonly violation: string }
  /** To the end without being struck. */
  | { readonly finished: true };
