/** Names of journal files: sorted by name they are sorted by first sequence number. */
import type { EpochId } from '../core/ids.js';

export interface JournalFileName {
  /** Sequence number of the first batch in the file. */
  readonly firstSequence: number;
  readonly epoch: EpochId;
  /** 16 hex digits, drawn anew for each run of files that a node gets: it only keeps names apart. */
  readonly writer: string;
}

const namePattern = /^(\d{16})-([0-9a-f]{16})-([0-9a-f]{16})\.journal$/;

export function formatJournalFileName({ firstSequence, epoch, writer }: JournalFileName): string {
  return `${String(firstSequence).padStart(16, '0')}-${epoch}-${writer}.journal`;
}

/** undefined for every other name. */
export function parseJournalFileName(name: string): JournalFileName | undefined {
  const match = namePattern.exec(name);
  if (!match || Number(match[1]) > Number.MAX_SAFE_INTEGER) return undefined;
  return { firstSequence: Number(match[1]), epoch: match[2]!, writer: match[3]! };
}
