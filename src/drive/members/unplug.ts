/**
 * What would happen if nodes were unplugged now. When that is safe, and not only asked for, a maintenance window begins:
 * the nodes take nothing new from then on, so that no file comes to depend on them, and are not healed around while it
 * lasts. So the answer stays true until they go.
 */
import { DriveError } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { DiskCommands, FileList, Following, UnplugReport } from '../../drive-disks.js';
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
/** Between looks while copies are waited for, and how many of them without any work say that none comes. */
const lookMs = 500;
const idleLooks = 40;
/** Of disks that nobody has measured yet: a modest one. */
const assumedBytesPerSecond = 50 * 1024 * 1024;

export async function unplugNodes(
  parts: MembershipParts,
  { nodes: wanted, forMs, dryRun, wait, ...following }: Parameters<DiskCommands['unplug']>[0],
): Promise<UnplugReport> {
  const rows = wanted.map((node) => memberCalled(parts, node));
  const ids = [...new Set(rows.map(({ id }) => id))];
  if (ids.length === 0) throw new DriveError('USAGE', { message: 'no node is named' });
  const dry = judge(parts, rows, ids);
  const isWorthIt = dry.verdict === 'safe' || (wait && dry.verdict === 'later');
  if (dryRun || !isWorthIt) return dry;
  return openWindow(parts, { rows, ids, forMs, following: wait ? following : undefined });
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

interface Window {
  readonly rows: readonly NodeRow[];
  readonly ids: readonly NodeId[];
  readonly forMs: number;
  /** Given: what makes it safe is waited for. */
  readonly following: Following | undefined;
}

/** The nodes take nothing new first; then it is asked again, for files may have come meanwhile. */
async function openWindow(parts: MembershipParts, { rows, ids, forMs, following }: Window): Promise<UnplugReport> {
  const { absences, engine, events, nodes } = parts;
  const describe = (isLeaving: boolean) => {
    for (const id of ids) nodes.get(id)?.describe({ isLeaving });
  };
  describe(true);
  try {
    await engine.nodesChanged();
    if (following) await copiesMade(parts, ids, following);
    const report = judge(parts, rows, ids);
    if (report.verdict !== 'safe') {
      describe(false);
      return report;
    }
    const until = parts.context.clock.now() + forMs;
    await absences.openWindow(ids, until);
    const names = rows.map(({ label }) => label).join(', ');
    const minutes = Math.round(forMs / 60_000);
    events.report('info', `${names} may be unplugged for ${minutes} min: nothing is copied because of it meanwhile`);
    return { ...report, until };
  } catch (error) {
    describe(false);
    throw error;
  }
}

/**
 * Until no file has its only copy on these nodes, or nothing more comes of it. Other nodes that are away are not waited
 * for any more: somebody waits for this. ABORTED.
 */
async function copiesMade(parts: MembershipParts, ids: readonly NodeId[], following: Following): Promise<void> {
  const { absences, context, engine, nodes } = parts;
  if (assess(parts, ids).verdict === 'safe') return;
  const away = nodes.all.filter((node) => countsAsCopy(node) && !isReadable(node.state) && !ids.includes(node.id));
  await absences.giveUp(away.map(({ id }) => id));
  let totalBytes = 0;
  let lastBytes = Number.POSITIVE_INFINITY;
  for (let idle = 0; idle < idleLooks; ) {
    const { verdict, comingBytes } = assess(parts, ids);
    if (verdict !== 'later') return;
    totalBytes = Math.max(totalBytes, comingBytes);
    following.onProgress?.({
      phase: 'making copies elsewhere',
      done: totalBytes - comingBytes,
      total: totalBytes,
      unit: 'bytes',
    });
    const { maintenance } = engine;
    maintenance?.wantHealing();
    await context.clock.sleep(lookMs, { signal: following.signal });
    if (following.signal?.aborted) throw new DriveError('ABORTED');
    const isAtWork = maintenance?.healer.status().active === true || comingBytes < lastBytes;
    idle = isAtWork ? 0 : idle + 1;
    lastBytes = comingBytes;
  }
}

interface Assessment {
  readonly verdict: UnplugReport['verdict'];
  readonly without: LossForecast;
  /** To be copied before it is safe. */
  readonly comingBytes: number;
}

function assess(parts: MembershipParts, ids: readonly NodeId[]): Assessment {
  const without = forecast(parts, ids);
  // What has its only copy there is safe once healing has made another one elsewhere, which it does by itself.
  const now = without.unreadable.length === 0 ? undefined : forecast(parts, []);
  const coming = now?.copies.filter(({ segment, node }) => without.unreadable.includes(segment) && !ids.includes(node));
  const saved = new Set(coming?.map(({ segment }) => segment));
  const isComing = without.unreadable.every((segment) => saved.has(segment));
  const verdict = without.unreadable.length === 0 ? 'safe' : isComing ? 'later' : 'unsafe';
  return { verdict, without, comingBytes: coming?.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0 };
}

function judge(parts: MembershipParts, rows: readonly NodeRow[], ids: readonly NodeId[]): UnplugReport {
  const { verdict, without, comingBytes } = assess(parts, ids);
  const bytesPerSecond = parts.engine.maintenance?.healer.status().bytesPerSecond ?? assumedBytesPerSecond;
  return {
    verdict,
    nodes: rows.map(({ label }) => label),
    unreadable: filesIn(parts, without.unreadable),
    single: filesIn(parts, without.single),
    copyBytes: without.copyBytes,
    protectedAgainInMs: healingMs(without, bytesPerSecond),
    unhealedSegments: without.unhealed.length,
    safeInMs: verdict === 'later' ? healingMs({ copyBytes: comingBytes }, bytesPerSecond) : null,
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
