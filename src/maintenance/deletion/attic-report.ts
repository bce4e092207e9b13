/** What people are told of the attics, as data. Types only. */
import type { AtticReason } from './attic-name.js';

export interface AtticFile {
  /** Label of the node. */
  readonly node: string;
  /** In the attic. */
  readonly file: string;
  readonly folder: 'segments' | 'journal' | 'checkpoints' | null;
  /** null for what is no segment file. */
  readonly segment: string | null;
  /** null when the name does not say it. */
  readonly reason: AtticReason | null;
  /** Milliseconds since 1970; null when the name does not say it. */
  readonly movedAt: number | null;
  readonly sizeBytes: number;
  /** From when on it may be unlinked, sooner only when room is needed; null when it stays. */
  readonly unlinkedFrom: number | null;
  /** Why it stays whatever the room; null when it does not. */
  readonly held: string | null;
}

export interface AtticListing {
  readonly files: readonly AtticFile[];
  /** Labels of nodes whose attic could not be read. */
  readonly missingNodes: readonly string[];
}

export interface RestoreOptions {
  /** Segment ids or names of files in an attic; undefined: all. */
  readonly wanted?: readonly string[] | undefined;
  /** Only says what would be done: everything is verified all the same. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RestoredFile {
  readonly node: string;
  readonly file: string;
  readonly segment: string | null;
  /** 'restored' also in a dry run, for what would be. */
  readonly result: 'restored' | 'left' | 'damaged';
  /** A sentence. */
  readonly because: string;
}

export interface RestoreReport {
  readonly files: readonly RestoredFile[];
  readonly missingNodes: readonly string[];
  readonly dryRun: boolean;
}
