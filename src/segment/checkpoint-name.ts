/** Names of checkpoint files: sorted by name they are sorted by sequence number. */
import type { EpochId } from '../core/ids.js';

export interface CheckpointName {
  /** The last batch that the checkpoint holds. */
  readonly sequence: number;
  readonly epoch: EpochId;
}

const namePattern = /^(\d{16})-([0-9a-f]{16})\.checkpoint$/;

export function formatCheckpointName({ sequence, epoch }: CheckpointName): string {
  return `${String(sequence).padStart(16, '0')}-${epoch}.checkpoint`;
}

/** undefined for every other name. */
export function parseCheckpointName(name: string): CheckpointName | undefined {
  const match = namePattern.exec(name);
  return match ? { sequence: Number(match[1]), epoch: match[2]! } : undefined;
}
