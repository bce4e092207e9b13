/** What `status` says, as data: the CLI prints it, the control socket and `--json` carry it. Types only. */
import type { JournalProof, Proof, SalvageFigures, ScrubFigures } from './drive-proof.js';
import type { NodeState } from './node/node-state.js';

export type Health = 'good' | 'degraded' | 'damaged' | 'read-only';

export interface NodeStatus {
  readonly id: string;
  readonly label: string;
  readonly path: string;
  readonly state: NodeState;
  /** Why, in words, when not online. */
  readonly reason: string | null;
  /** Milliseconds since 1970 at which the state began. */
  readonly since: number;
  readonly role: 'active' | 'draining' | 'away' | 'retired';
  readonly group: string;
  readonly usedBytes: number;
  readonly freeBytes: number | null;
  readonly totalBytes: number | null;
  /** Whether the node belongs to the write set now. */
  readonly writeSet: boolean;
  /** Until when it may be unplugged without being healed around, milliseconds since 1970. */
  readonly mayBeGoneUntil?: number;
  /** Its disk may sleep while nobody uses it. */
  readonly maySleep?: boolean;
  /** Of a node that is away on purpose. */
  readonly copy?: CopyAge;
  /** When its copies were last read whole and verified. */
  readonly proof: Proof;
  /** The same of its journal and checkpoints. Absent in what an older server says. */
  readonly journal?: JournalProof;
  /** Batches its journal is behind. */
  readonly behind: number;
}

/** A full copy that mostly lies elsewhere; times in milliseconds since 1970. */
export interface CopyAge {
  /** Everything saved until then lies on it; null: it was never complete. */
  readonly current: number | null;
  /** When it shall be here again; null before it was complete once. */
  readonly due: number | null;
  /** It is here and complete: it may be unplugged. */
  readonly mayLeave: boolean;
}

export interface DriveStatus {
  readonly volume: {
    readonly id: string;
    readonly name: string;
    readonly replicas: number;
    /** Other numbers of copies, which folders are to have; rising. Absent: none. */
    readonly folderReplicas?: readonly number[];
    readonly directory: string;
  };
  readonly health: Health;
  /** One honest sentence: what is protected now and what is not. */
  readonly protection: string;
  readonly nodes: readonly NodeStatus[];
  readonly files: number;
  readonly folders: number;
  readonly logicalBytes: number;
  readonly storedBytes: number;
  /** Bytes of segments no longer referred to, to be cleaned. */
  readonly deadBytes: number;
  readonly availableBytes: number;
  readonly segments: { readonly total: number; readonly degraded: number; readonly lost: number };
  readonly healing: {
    readonly active: boolean;
    readonly queuedSegments: number;
    readonly healedSegments: number;
    readonly startsInMs: number | null;
  };
  readonly reads: { readonly failovers: number; readonly checksumErrors: number };
  readonly sequence: number;
  readonly epoch: string;
  /** Files known to be damaged (no good copy reachable), at most 100. */
  readonly damagedFiles: readonly string[];
  /**
   * Files of which a part cannot be read now, those on disks that are away too, with at most 100 paths; null when there
   * is none, or while that is being found out.
   */
  readonly salvage: (SalvageFigures & { readonly files: readonly string[] }) | null;
  readonly scrub: ScrubFigures;
  readonly checkpoint: { readonly sequence: number; readonly time: number } | null;
  /** When the rebuild from the nodes alone was last proven, or failed. */
  readonly rehearsal: {
    readonly time: number;
    readonly durationMs: number;
    readonly files: number;
    readonly differences: number;
  } | null;
  readonly uptimeMs: number;
}
