/** Disks that come and go, as commands and servers see them: what can be asked of a drive's nodes. Types only. */
import type { Progress } from './core/progress.js';

export interface Following {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** In all of them `node` is a label, the beginning of an id, or a path; USAGE unless it means exactly one node. */
export interface DiskCommands {
  /** EXISTS when another node bears the label. */
  describe(options: {
    readonly node: string;
    readonly label?: string | undefined;
    readonly weight?: number | undefined;
  }): Promise<void>;
  /**
   * Empties a node; `cancel`: it takes new data again. With `wait`, resolves when it is empty, or when nothing more can
   * leave it now; ABORTED ends only the waiting. WOULD_LOSE_COPIES when too few nodes would be left for new files.
   */
  drain(
    options: { readonly node: string; readonly cancel: boolean; readonly wait: boolean } & Following,
  ): Promise<DrainReport>;
  /** Adds the node at `path`, absolute, in place of `node`, and drains that one; `lost`: removes it, and heals. */
  replace(
    options: {
      readonly node: string;
      readonly path: string;
      readonly lost: boolean;
      readonly wait: boolean;
    } & Following,
  ): Promise<DrainReport>;
  /** A full copy that mostly lies elsewhere, to be here every so many milliseconds; null: an ordinary node again. */
  away(options: { readonly node: string; readonly everyMs: number | null }): Promise<void>;
  /** Whether the node's disk may spin down while nobody uses it: what befalls it meanwhile may show with the next use only. */
  sleep(options: { readonly node: string; readonly maySleep: boolean }): Promise<void>;
  /**
   * What the loss of these nodes would mean now. When that is safe, and not a `dryRun`, they may go for `forMs`. With
   * `wait`, what makes it safe is awaited first: other nodes that are away are healed around at once. ABORTED.
   */
  unplug(
    options: {
      readonly nodes: readonly string[];
      readonly forMs: number;
      readonly dryRun: boolean;
      /** Default: false. */
      readonly wait?: boolean;
    } & Following,
  ): Promise<UnplugReport>;
  /** They are not unplugged after all: their windows end, and they take new files again. */
  stay(options: { readonly nodes: readonly string[] }): Promise<void>;
  /** Heals around nodes that are away without waiting for their grace; resolves when no more can be done now. */
  heal(options: { readonly dryRun: boolean } & Following): Promise<HealReport>;
  /** Evens the loads of the nodes; resolves when no copy is left to move. */
  rebalance(options: { readonly dryRun: boolean } & Following): Promise<RebalanceReport>;
  /** What could go wrong with these disks on this machine, and what to do about it. */
  examine(): Promise<readonly Advice[]>;
}

export interface DrainReport {
  readonly label: string;
  readonly leftSegments: number;
  readonly leftBytes: number;
  /** Empty: it may be removed. */
  readonly isEmpty: boolean;
}

export interface UnplugReport {
  /** 'later': safe once that many copies are made, which begins by itself. */
  readonly verdict: 'safe' | 'later' | 'unsafe';
  readonly nodes: readonly string[];
  /** Files that could not be read, and those of which one copy would be left: at most 20 by name, and how many in all. */
  readonly unreadable: FileList;
  readonly single: FileList;
  /** Copies that healing would make without these nodes, and about how long that takes. */
  readonly copyBytes: number;
  readonly protectedAgainInMs: number;
  /** Segments that would stay with fewer copies than wanted, because there is no room or no further disk. */
  readonly unhealedSegments: number;
  /** Of 'later': about how long until it is safe. */
  readonly safeInMs: number | null;
  /** Until when they may be gone without being healed around, milliseconds since 1970; null when no window was opened. */
  readonly until: number | null;
}

export interface FileList {
  readonly count: number;
  readonly paths: readonly string[];
}

export interface HealReport {
  readonly dryRun: boolean;
  /** Nodes that are away and were not waited for. */
  readonly withoutNodes: readonly string[];
  /** Copies made (or, in a dry run, to be made), and their bytes. */
  readonly segments: number;
  readonly copyBytes: number;
  /** Still with too few copies: there is no room or no further disk, or no copy can be read. */
  readonly leftSegments: number;
}

export interface RebalanceReport {
  readonly dryRun: boolean;
  readonly segments: number;
  readonly copyBytes: number;
  readonly stuckSegments: number;
}

export interface Advice {
  /** What is so, one sentence. */
  readonly finding: string;
  /** What to do, one sentence. */
  readonly next: string;
}
