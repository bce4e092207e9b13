/** Makes the status of a drive from what the engine, the nodes and the background work say. Pure. */
import type { NodeId } from '../../core/ids.js';
import type { Proof } from '../../drive-proof.js';
import type { DriveStatus, Health, NodeStatus } from '../../drive-status.js';
import type { CatchUpStatus } from '../../maintenance/healing/catch-up.js';
import type { HealStatus } from '../../maintenance/healing/healer.js';
import type { HistoryScrubber } from '../../maintenance/scrubbing/history-scrubber.js';
import type { ScrubStatus } from '../../maintenance/scrubbing/scrubber.js';
import type { MetaReader } from '../../meta/meta-store.js';
import type { NodeRow, SegmentRow } from '../../meta/rows.js';
import { isReadable } from '../../node/node-state.js';
import type { ReadCounters } from '../../store/read/segment-reader.js';
import { countsAsCopy } from '../../store/store-node.js';
import type { EngineNode } from '../../volume/engine-node.js';
import type { SpaceReport } from '../../volume/volume.js';
import { asText } from '../protection/folder-protection.js';
import {
  hasFailedRehearsal,
  hasNoRoom,
  protectionSentence,
  rottenJournals,
  writableNodes,
} from './protection-sentence.js';

export interface ReportInput {
  readonly directory: string;
  readonly reader: MetaReader;
  readonly nodes: readonly EngineNode[];
  readonly members: readonly NodeId[];
  readonly positions: readonly { readonly node: NodeId; readonly sequence: number }[];
  readonly space: SpaceReport;
  readonly healing: HealStatus;
  readonly reads: ReadCounters;
  readonly damagedFiles: readonly string[];
  readonly checkpoint: { readonly sequence: number; readonly time: number } | null;
  readonly scrub: ScrubStatus;
  /** Of journals and checkpoints. Default: nothing is known. */
  readonly histories?: Pick<HistoryScrubber, 'proofOf' | 'badCount'> | undefined;
  readonly rehearsal: DriveStatus['rehearsal'];
  readonly readOnlyReason: string | null;
  /** Until when a node may be gone; absent: no window is open for any. */
  readonly windowOf?: (node: NodeId) => number | undefined;
  readonly catchUp?: readonly CatchUpStatus[];
  readonly uptimeMs: number;
}

/** While the volume is opened again: what was known before, and the nodes as they are now. */
export function statusWhileReopening(
  before: DriveStatus,
  nodes: readonly EngineNode[],
  { reason, uptimeMs }: { readonly reason: string; readonly uptimeMs: number },
): DriveStatus {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return {
    ...before,
    health: before.health === 'damaged' ? 'damaged' : 'read-only',
    protection: `The volume is being opened again, requests wait for it: ${reason}.`,
    nodes: before.nodes.map((row) => {
      const node = byId.get(row.id);
      return node ? { ...row, state: node.state, reason: node.reason, since: node.since } : row;
    }),
    uptimeMs,
  };
}

/** Degraded segments are counted up to here: the figure is for people. */
const countLimit = 10_000;

export function reportStatus(input: ReportInput): DriveStatus {
  const { reader, healing } = input;
  const volume = reader.volume()!;
  const tip = reader.tip();
  const counts = reader.counts();
  const absent = input.nodes.filter((node) => !isReadable(node.state)).map((node) => node.id);
  const degraded = reader.degraded({ wanted: volume.replicas, absent, limit: countLimit });
  const unreadable = degraded.filter(
    (row) => !row.replicas.some((copy) => copy.state === 'good' && !absent.includes(copy.node)),
  );
  const once = onceByChoice(reader, unreadable);
  const lost = unreadable.filter((row) => !once.segments.includes(row));
  const nodes = nodeStatuses(input, tip?.sequence ?? 0);
  const health = healthOf(input, degraded.length, lost.length);
  return {
    volume: {
      id: volume.id,
      name: volume.name,
      replicas: volume.replicas,
      ...folderReplicas(reader, volume.replicas),
      directory: input.directory,
    },
    health,
    protection: [
      protectionSentence({
        ...input,
        health,
        degraded: degraded.length,
        lost: lost.length,
        replicas: volume.replicas,
        hasUsualWants: degraded.every(({ ownWanted }) => (ownWanted ?? null) === null),
      }),
      ...onceSentence(once, input.nodes),
    ].join(' '),
    nodes,
    files: counts.files,
    folders: counts.folders,
    logicalBytes: counts.logicalBytes,
    storedBytes: counts.storedBytes,
    deadBytes: Math.max(0, counts.storedBytes - counts.liveBytes),
    availableBytes: input.space.availableBytes,
    segments: { total: counts.segments, degraded: degraded.length, lost: lost.length },
    healing: {
      active: healing.active,
      queuedSegments: healing.queuedSegments,
      healedSegments: healing.healedSegments,
      startsInMs: healing.startsInMs,
    },
    reads: { failovers: input.reads.failovers, checksumErrors: input.reads.checksumErrors },
    sequence: tip?.sequence ?? 0,
    epoch: tip?.epoch ?? '',
    damagedFiles: input.damagedFiles,
    salvage: null,
    scrub: {
      ...summedProofs(nodes),
      ...input.scrub,
      badCopies: input.scrub.badCopies + (input.histories?.badCount ?? 0),
    },
    checkpoint: input.checkpoint,
    rehearsal: input.rehearsal && {
      time: input.rehearsal.time,
      durationMs: input.rehearsal.durationMs,
      files: input.rehearsal.files,
      differences: input.rehearsal.differences,
    },
    uptimeMs: input.uptimeMs,
  };
}

function nodeStatuses(input: ReportInput, sequence: number): NodeStatus[] {
  const rows = new Map(input.reader.nodes().map((row) => [row.id, row]));
  const positions = new Map(input.positions.map((position) => [position.node, position.sequence]));
  const proofs = new Map(input.reader.proofs().map(({ node, ...proof }) => [node, proof]));
  const kept = new Map(input.reader.journaled().map((position) => [position.node, position.sequence]));
  const statuses = input.nodes.map((node) => ({
    id: node.id,
    label: node.label,
    path: node.path,
    state: node.state,
    reason: node.reason,
    since: node.since,
    role: rows.get(node.id)?.role ?? node.role,
    group: node.group,
    proof: proofs.get(node.id) ?? { copies: 0, proven: 0, oldest: null },
    journal: input.histories?.proofOf(node.id) ?? { proven: null, problem: null },
    usedBytes: rows.get(node.id)?.usedBytes ?? 0,
    freeBytes: node.space?.freeBytes ?? null,
    totalBytes: node.space?.totalBytes ?? null,
    writeSet: input.members.includes(node.id),
    ...absenceOf(input, node, rows.get(node.id)),
    ...(node.isSleepy ? { maySleep: true } : {}),
    behind: Math.max(0, sequence - (positions.get(node.id) ?? kept.get(node.id) ?? 0)),
  }));
  return statuses.sort((a, b) => a.label.localeCompare(b.label, 'en', { numeric: true }));
}

function absenceOf(
  { windowOf, catchUp = [] }: ReportInput,
  node: EngineNode,
  row: NodeRow | undefined,
): Pick<NodeStatus, 'mayBeGoneUntil' | 'copy'> {
  const until = windowOf?.(node.id);
  const window = until === undefined ? {} : { mayBeGoneUntil: until };
  if (row?.role !== 'away') return window;
  const current = row.current ?? null;
  const due = current === null || row.every === undefined ? null : current + row.every;
  const mayLeave = catchUp.some((visit) => visit.node === node.id && visit.isCurrent);
  return { ...window, copy: { current, due, mayLeave } };
}

/** Of those that are here or shall be: a copy kept elsewhere is proven when it visits. */
function summedProofs(nodes: readonly NodeStatus[]): Proof {
  const proofs = nodes.filter(({ role }) => role !== 'away').map(({ proof }) => proof);
  const times = proofs.map(({ oldest }) => oldest).filter((oldest) => oldest !== null);
  return {
    copies: proofs.reduce((sum, { copies }) => sum + copies, 0),
    proven: proofs.reduce((sum, { proven }) => sum + proven, 0),
    oldest: times.length === 0 ? null : Math.min(...times),
  };
}

function healthOf(input: ReportInput, degraded: number, lost: number): Health {
  if (!input.nodes.some((node) => isReadable(node.state))) return 'damaged';
  if (lost > 0 || input.damagedFiles.length > 0) return 'damaged';
  if (input.readOnlyReason !== null) return 'read-only';
  const writable = writableNodes(input.nodes).length;
  if (writable === 0) return 'read-only';
  const away = input.nodes.some((node) => countsAsCopy(node) && node.state !== 'online' && node.state !== 'full');
  const isLacking = hasFailedRehearsal(input) || rottenJournals(input).length > 0 || hasNoRoom(input);
  return degraded > 0 || away || isLacking || writable < input.reader.volume()!.replicas ? 'degraded' : 'good';
}

interface Once {
  readonly folders: readonly string[];
  /** Their only copy is away, and with it every file that lies only there. Nothing of it is damaged. */
  readonly segments: readonly SegmentRow[];
}

function folderReplicas(reader: MetaReader, usual: number): Pick<DriveStatus['volume'], 'folderReplicas'> {
  if (!reader.hasProtection()) return {};
  const others = new Set(reader.protections().map(({ replicas }) => replicas));
  others.delete(usual);
  return others.size === 0 ? {} : { folderReplicas: [...others].sort((a, b) => a - b) };
}

function onceByChoice(reader: MetaReader, unreadable: readonly SegmentRow[]): Once {
  const folders = reader.hasProtection() ? reader.protections().filter(({ replicas }) => replicas === 1) : [];
  const isAway = ({ ownWanted, replicas }: SegmentRow) =>
    ownWanted === 1 && replicas.some(({ state }) => state === 'good');
  return { folders: folders.map(({ path }) => asText(path)).sort(), segments: unreadable.filter(isAway) };
}

function onceSentence({ folders, segments }: Once, nodes: readonly EngineNode[]): string[] {
  const names = folders.length === 0 ? '' : `: ${folders.join(', ')}`;
  if (segments.length === 0) return folders.length === 0 ? [] : [`Folders kept once by choice${names}.`];
  const holders = new Set(segments.flatMap(({ replicas }) => replicas.map(({ node }) => node)));
  const away = nodes.filter(({ id, state }) => holders.has(id) && !isReadable(state)).map(({ label }) => label);
  return [`Files kept once by choice are away with ${away.join(', ')}${names}; they can be read when it is back.`];
}
