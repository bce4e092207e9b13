/** What proves that files are there, and what is said of those that are not. Types only. */
import type { Following } from './drive-disks.js';
import type { DriveStatus } from './drive-status.js';
import type { ScrubRunReport } from './maintenance/checking/check-report.js';

/** When copies were last read whole and verified; times in milliseconds since 1970. */
export interface Proof {
  /** Copies, and how many of them were ever proven. */
  readonly copies: number;
  readonly proven: number;
  /** The oldest of these proofs; null when there is none. */
  readonly oldest: number | null;
}

/** Of a node's journal and checkpoints. */
export interface JournalProof {
  /** When they last verified, milliseconds since 1970; null: not since the start. */
  readonly proven: number | null;
  /** What is wrong with them and could not be made again yet, in words. */
  readonly problem: string | null;
}

/** The scrub, as it runs by itself. */
export interface ScrubFigures extends Proof {
  /** Each copy is read again within this time. */
  readonly periodMs: number;
  /** Not faster than this. */
  readonly bytesPerSecond: number;
  /** Since the start. */
  readonly readCopies: number;
  readonly readBytes: number;
  readonly badCopies: number;
}

export interface FileProof extends Proof {
  readonly path: string;
  readonly sizeBytes: number;
  /** Copies of its segments that are known to be bad. */
  readonly badCopies: number;
  /** Its segments that are still being written: not proven yet, whatever `proven` says of the others. */
  readonly unsealedSegments: number;
  /** The same for each node that holds a part of it. */
  readonly nodes: readonly (Proof & { readonly label: string })[];
}

/** What was read now; a report of bad copies and the files in them. */
export interface ScrubReport extends ScrubRunReport {}

export interface ProofCommands {
  /** `path`: names with a slash before each. NOT_FOUND, IS_FOLDER. */
  ofFile(options: { readonly path: string }): Promise<FileProof>;
  /**
   * Reads copies, journals and checkpoints now, from their disks, and verifies them: all, or those not proven for
   * `olderThanMs`. Bad copies are noted, to be healed; journals and checkpoints are made again. ABORTED: what was read until then stays proven.
   */
  scrub(options: { readonly olderThanMs?: number | undefined } & Following): Promise<ScrubReport>;
  /** Files of which a part cannot be read now, and what would bring them back. ABORTED. */
  salvage(options: { readonly limit: number } & Following): Promise<SalvageReport>;
  /**
   * Saves what a node that was refused holds of another history, as new files below "Recovered from LABEL": every file
   * that was made or changed there beyond the fork and that the drive does not have at that path. The node is only read.
   * Begun again it goes on. `node`: label, beginning of the id, or path, also of a node that was removed. `dryRun`: saves
   * nothing. USAGE, NODE_GONE, NODE_REFUSED when it holds no other history, IN_USE, READ_ONLY, OUT_OF_SPACE; ABORTED.
   */
  salvageNode(options: { readonly node: string; readonly dryRun: boolean } & Following): Promise<NodeSalvageReport>;
}

export interface NodeSalvageReport {
  readonly label: string;
  readonly path: string;
  readonly dryRun: boolean;
  /** Files that its history made or changed, and that the drive does not have at their paths: the sum of the next three. */
  readonly changedFiles: number;
  /** Of them, saved by an earlier run. */
  readonly presentFiles: number;
  /** Saved now (in a dry run: to be saved), and their bytes. */
  readonly savedFiles: number;
  readonly savedBytes: number;
  /** Nothing was saved of them. */
  readonly failedFiles: number;
  /** Where, the first thousand. */
  readonly files: readonly string[];
  /** The first thousand, by their paths in the other history, and why. */
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
}

/** A node that is not here and holds what is missing. */
export interface HelpfulNode {
  readonly id: string;
  readonly label: string;
  readonly path: string;
  /** Since when it is not here, milliseconds since 1970. */
  readonly since: number;
  /** Files that are known to be whole again with it alone. */
  readonly files: number;
}

export interface SalvageFigures {
  /** Files of which a part cannot be read now, and the bytes of these parts. */
  readonly damagedFiles: number;
  readonly missingBytes: number;
  /** Those that make most files whole first. */
  readonly nodes: readonly HelpfulNode[];
  /** Files that need several of these nodes together. */
  readonly together: number;
  /** Files of which it is not known where a part lies; a node that is not here may have it. */
  readonly unplaced: number;
  /** Files of which no node is known to hold a good copy of a part. */
  readonly nowhere: number;
}

export interface DamagedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly missingBytes: number;
  /** Bytes `start` to `end`, `end` not included; all others are served. */
  readonly missing: readonly {
    readonly start: number;
    readonly end: number;
    /** Labels of the nodes that hold it and are not here; null: not known where it lies. */
    readonly on: readonly string[] | null;
  }[];
}

export interface SalvageReport extends SalvageFigures {
  readonly health: DriveStatus['health'];
  /** By path, as many as were asked for. */
  readonly files: readonly DamagedFile[];
}
