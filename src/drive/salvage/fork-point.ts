/** Where two histories of one volume went apart. Pure. */
import type { EpochId } from '../../core/ids.js';
import type { EpochRow, Tip } from '../../meta/rows.js';

export interface HistoryLine {
  readonly tip: Pick<Tip, 'sequence' | 'epoch'>;
  readonly epochs: readonly Pick<EpochRow, 'id' | 'parent' | 'lastSequence'>[];
}

/** Number of the last batch that both of them hold; 0 when no common epoch is known. */
export function forkPoint(one: HistoryLine, other: HistoryLine): number {
  const ends = endsOf(other);
  for (const [epoch, end] of endsOf(one)) {
    const otherEnd = ends.get(epoch);
    if (otherEnd !== undefined) return Math.min(end, otherEnd);
  }
  return 0;
}

/** The epochs that a history stands on, the newest first, each with the last of its batches that counts there. */
function endsOf({ tip, epochs }: HistoryLine): Map<EpochId, number> {
  const rows = new Map(epochs.map((epoch) => [epoch.id, epoch]));
  const ends = new Map<EpochId, number>();
  let end = tip.sequence;
  for (let id: EpochId | null = tip.epoch; id !== null && !ends.has(id); ) {
    ends.set(id, end);
    const row = rows.get(id);
    end = row?.lastSequence ?? 0;
    id = row?.parent ?? null;
  }
  return ends;
}
