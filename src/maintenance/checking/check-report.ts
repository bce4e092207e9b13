/** What checks say, each of them a part of the report. */

export interface CheckSentences {
  /** Violated invariants and damage, each a sentence; empty when sound. */
  readonly findings: readonly string[];
  /** Sound but fewer good copies than wanted, each a sentence. */
  readonly degraded: readonly string[];
  /** Worth knowing, each a sentence; nothing is wrong. */
  readonly notes: readonly string[];
}

/** Of the index and of the nodes' listings. */
export interface VolumeCheckReport extends CheckSentences {
  readonly checkedFiles: number;
  readonly checkedSegments: number;
}

/** Of what lies in the copies. */
export interface DataCheckReport extends CheckSentences {
  /** Copies of segments that were read and verified, and their bytes. */
  readonly readCopies: number;
  readonly readBytes: number;
  /** Copies that could not be read now. Default: 0. */
  readonly unreadCopies?: number;
}

export interface ScrubRunReport extends DataCheckReport {
  /** Nodes whose journal and checkpoints were read and verified; their bytes count as read. */
  readonly readJournals: number;
}
