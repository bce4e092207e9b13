/**
 * Keeps the DAV locks alive under which an upload was admitted: a file of many hours must not be refused at its end
 * because its lock ran out meanwhile. They are refreshed for their own time, well before they end.
 */
import type { Clock } from '../core/clock.js';
import type { Conditions, EntryPath } from '../meta/requests.js';
import type { LockRow } from '../meta/rows.js';
import type { Volume } from './volume.js';

export interface LocksToKeep {
  readonly path: EntryPath;
  /** Locks on the path whose tokens are submitted here. */
  readonly conditions?: Conditions | undefined;
  readonly principal?: string | undefined;
}

/** Shortest time between two looks: locks of a second exist. */
const shortestMs = 250;

/** The function returned ends it. */
export function keepLocks(
  volume: Pick<Volume, 'locks' | 'refreshLock'>,
  { clock, path, conditions, principal }: LocksToKeep & { readonly clock: Clock },
): () => void {
  const tokens = new Set(
    conditions?.ifLists?.flatMap((list) =>
      list.conditions.filter(({ kind, not }) => kind === 'token' && !not).map(({ value }) => value),
    ),
  );
  if (tokens.size === 0) return () => undefined;
  let hasEnded = false;
  let cancel = (): void => undefined;

  const refresh = ({ token, timeoutMs }: LockRow): Promise<LockRow | undefined> => {
    const named = [
      { resource: 'request' as const, conditions: [{ not: false, kind: 'token' as const, value: token }] },
    ];
    // It was given up, or the volume is being reopened: then it is looked for again.
    return volume.refreshLock(path, { timeoutMs, principal, conditions: { ifLists: named } }).catch(() => undefined);
  };
  const look = async (): Promise<void> => {
    const rows = await volume.locks(path).catch(() => undefined);
    const held = rows?.filter(({ token }) => tokens.has(token));
    if (hasEnded || held?.length === 0) return;
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const row of held ?? []) {
      const isDue = row.expires - clock.now() <= row.timeoutMs / 2;
      const now = (isDue && (await refresh(row))) || row;
      soonestMs = Math.min(soonestMs, now.expires - clock.now() - now.timeoutMs / 2);
    }
    if (hasEnded) return;
    const waitMs = Number.isFinite(soonestMs) ? Math.max(shortestMs, soonestMs) : shortestMs;
    cancel = clock.schedule(waitMs, () => void look());
  };
  void look();
  return () => {
    hasEnded = true;
    cancel();
  };
}
