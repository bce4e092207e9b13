/** What folders and segments are to have: settings are checked here, and no segment is lowered on old knowledge. */
import { DriveError } from '../../core/errors.js';
import { locateForChange, requireEntry } from '../judge/located-path.js';
import type { NodeId, Operation, SegmentId } from '../operations.js';
import type { RequestOf, Resolution, ResolveContext } from '../resolve/resolve-context.js';
import type { StoredSegment } from '../tables/segment-table.js';
import type { Tables } from '../tables/tables.js';

/** More would be a mistake: each loss that two copies do not survive, nine do not either. */
export const mostReplicas = 9;
/** All settings are read with each upload. */
const mostSettings = 1_000;

export function resolveProtect({ path, replicas }: RequestOf<'protect'>, { tables }: ResolveContext): Resolution {
  const isNumber = Number.isInteger(replicas) && replicas! >= 1 && replicas! <= mostReplicas;
  if (replicas !== null && !isNumber) {
    throw new DriveError('BAD_REQUEST', {
      message: `a folder has 1 to ${mostReplicas} copies, or the volume's number`,
    });
  }
  const entry = requireEntry(locateForChange(tables, path));
  if (entry.kind !== 'folder') throw new DriveError('NOT_FOLDER', { details: { path } });
  const settings = tables.protection.all();
  if (replicas !== null && !settings.has(entry.id) && settings.size >= mostSettings) {
    throw new DriveError('LIMIT_EXCEEDED', {
      message: `at most ${mostSettings} folders may have a setting of their own`,
    });
  }
  const isSame = (settings.get(entry.id) ?? null) === replicas;
  return {
    operations: isSame ? [] : [{ o: 'protect', entry: entry.id, replicas }],
    result: () => ({ entry, needsChanged: !isSame }),
  };
}

/** More is always right. Fewer only where nothing that happened since the state `asOf` can have raised the need. */
export function resolveWant({ segments, asOf }: RequestOf<'want'>, { tables }: ResolveContext): Resolution {
  const operations: Operation[] = [];
  const wanted: SegmentId[] = [];
  for (const { segment, replicas, nodes } of segments) {
    const stored = tables.segments.get(segment);
    if (stored === undefined) continue;
    const now = replicas ?? tables.nodes.volume()!.replicas;
    const isFewer = now < stored.copiesWanted || nodes !== undefined;
    if (isFewer && (stored.sealed === 0 || tables.needs.mayHaveRisen(stored.number, asOf))) continue;
    wanted.push(segment);
    if (stored.wanted !== replicas) operations.push({ o: 'want', segment, replicas });
    if (nodes !== undefined && areGood(tables, stored, nodes, now)) operations.push({ o: 'relocate', segment, nodes });
  }
  return { operations, result: () => ({ wanted }) };
}

/** Whether enough good replicas stay: each of the nodes holds one, those not asked that are away on purpose. */
function areGood(
  { segments, nodes }: Tables,
  { number }: StoredSegment,
  kept: readonly NodeId[],
  least: number,
): boolean {
  const counted = kept.filter((node) => !nodes.isAway(node));
  const good = segments.replicas(number).filter(({ node, state }) => state === 'good' && counted.includes(node));
  return good.length === counted.length && good.length >= least;
}
