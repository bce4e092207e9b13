/**
 * What would happen if nodes were unplugged now. When that is safe, and not only asked for, a maintenance window begins:
 * the nodes take nothing new from then on, so that no file comes to depend on them, and are not healed around while it
 * lasts. So the answer stays true until they go.
 */
import { DriveError } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { DiskCommands, FileList, UnplugReport } from '../../drive-disks.js';
import type { NodeRow, SegmentRow } from '../../meta/rows.js';
import { isReadable } from '../../node/node-state.js';
import { type ForecastNode, forecastLoss, healingMs, type LossForecast } from '../../store/loss-forecast.js';
import { placementTable } from '../../store/placement-table.js';
import { countsAsCopy } from '../../store/store-node.js';
import { type MembershipParts, memberCalled, segmentsOf } from './member-changes.js';

const shownFiles = 20;
/** Counting stops here. */
const countedFiles = 100_000;
const chunksPerRead = 10_000;
/** Of disks that nobody has measured: a modest one. */
export const assumedBytesPerSecond = 50 * 1024 * 1024;

export async function unplugNodes(
  parts: MembershipParts,
  { nodes: wanted, forMs, dryRun }: Parameters<DiskCommands['unplug']>[0],
): Promise<UnplugReport> {
  const rows = wanted.map((node) => memberCalled(parts, node));
  const ids = [...new Set(rows.map(({ id }) => id))];
  if (ids.length === 0) throw new DriveError('USAGE', { message: 'no node is named' });
  const dry = judge(parts, rows, ids);
  if (dryRun || dry.verdict !== 'safe') return dry;
  return openWindow(parts, { rows, ids, until: parts.context.clock.now() + forMs });
}

export async function letStay(
  parts: MembershipParts,
  { nodes: wanted }: Parameters<DiskCommands['stay']>[0],
): Promise<void> {
  const rows = wanted.map((node) => memberCalled(parts, node));
  await parts.absences.closeWindows(rows.map(({ id }) => id));
  for (const { id } of rows) parts.nodes.get(id)?.describe({ isLeaving: false });
  await parts.engine.nodesChanged();
}

/** The nodes take nothing new first; then it is asked again, for files may have come meanwhile. */
async function openWindow(
  parts: MembershipParts,
  { rows, ids, until }: { readonly rows: readonly NodeRow[]; readonly ids: readonly NodeId[]; readonly until: number },
): Promise<UnplugReport> {
  const { absences, engine, events, nodes } = parts;
  const describe = (isLeaving: boolean) => {
    for (const id of ids) nodes.get(id)?.describe({ isLeaving });
  };
  describe(true);
  try {
    await engine.nodesChanged();
    const report = judge(parts, rows, ids);
    if (report.verdict !== 'safe') {
      describe(false);
      return report;
    }
    await absences.openWindow(ids, until);
    const names = rows.map(({ label }) => label).join(', ');
    const minutes = Math.round((until - parts.context.clock.now()) / 60_000);
    events.report('info', `${names} may be unplugged for ${minutes} min: nothing is copied because of it meanwhile`);
    return { ...report, until };
  } catch (error) {
    describe(false);
    throw error;
  }
}

function judge(parts: MembershipParts, rows: readonly NodeRow[], ids: readonly NodeId[]): UnplugReport {
  const without = forecast(parts, ids);
  // What has its only copy there is safe once healing has made another one elsewhere, which it does by itself.
  const now = without.unreadable.length === 0 ? undefined : forecast(parts, []);
  const coming = now?.copies.filter(({ segment, node }) => without.unreadable.includes(segment) && !ids.includes(node));
  const saved = new Set(coming?.map(({ segment }) => segment));
  const isComing = without.unreadable.every((segment) => saved.has(segment));
  const verdict = without.unreadable.length === 0 ? 'safe' : isComing ? 'later' : 'unsafe';
  const comingBytes = coming?.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0;
  return {
    verdict,
    nodes: rows.map(({ label }) => label),
    unreadable: filesIn(parts, without.unreadable),
    single: filesIn(parts, without.single),
    copyBytes: without.copyBytes,
    protectedAgainInMs: healingMs(without, assumedBytesPerSecond),
    unhealedSegments: without.unhealed.length,
    safeInMs: verdict === 'later' ? healingMs({ copyBytes: comingBytes }, assumedBytesPerSecond) : null,
    until: null,
  };
}

/** Everything in which something lives: what is open is sealed before a window begins. */
export function forecast(parts: MembershipParts, lost: readonly NodeId[]): LossForecast {
  const { engine, nodes } = parts;
  const used = new Map(engine.index.reader.nodes().map((node) => [node.id, node.usedBytes]));
  const table = placementTable(nodes.all, (id) => used.get(id) ?? 0);
  const known = nodes.all.map((node, index): ForecastNode => {
    return { ...table[index]!, readable: isReadable(node.state) && countsAsCopy(node) };
  });
  const living = function* (): Generator<SegmentRow> {
    for (const segment of segmentsOf(parts)) if (segment.liveBytes > 0) yield segment;
  };
  return forecastLoss({
    segments: living(),
    nodes: known,
    lost,
    wantedCopies: (segment) => segment.wanted,
    reserveBytes: engine.serving?.segments.limits().reserveBytes ?? 0,
  });
}

/** The living files of segments. Reads every chunk list when there is any. */
function filesIn({ engine }: MembershipParts, segments: readonly SegmentId[]): FileList {
  const { reader } = engine.index;
  const chunks = new Set<string>();
  for (const segment of segments) {
    let page = reader.segmentChunks(segment, -1, chunksPerRead);
    while (page.length > 0) {
      for (const { chunk } of page) chunks.add(chunk);
      page = reader.segmentChunks(segment, page.at(-1)!.offset, chunksPerRead);
    }
  }
  if (chunks.size === 0) return { count: 0, paths: [] };
  const found = reader.filesHolding(chunks, countedFiles);
  return { count: found.length, paths: found.slice(0, shownFiles).map((names) => `/${names.join('/')}`) };
}
