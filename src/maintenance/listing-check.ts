/**
 * Compares what a node holds with what the index places there, by names and lengths alone: one listing a node. Finds
 * lost and short copies (to be healed), copies longer than their seal (cut), and files that nothing refers to any more
 * (to the gate). Runs when a node comes online, after hints of its watcher, and now and then.
 */
import { hasCode } from '../core/errors.js';
import type { SegmentId } from '../core/ids.js';
import type { SegmentRow } from '../meta/rows.js';
import type { StoredFile } from '../node/node-store.js';
import { segmentFileName, segmentOfFileName } from '../segment/segment-id.js';
import type { DeletionGate } from './deletion-gate.js';
import type { MaintenanceHost, MaintenanceNode } from './maintenance-host.js';

export interface ListingFindings {
  readonly missing: number;
  readonly short: number;
  readonly found: number;
  readonly removed: number;
}

const pageSegments = 500;

/** NODE_GONE and other errors of the node reject; then nothing was concluded. */
export async function checkListing(
  host: MaintenanceHost,
  gate: DeletionGate,
  node: MaintenanceNode,
): Promise<ListingFindings> {
  const listing = (await node.store.list('segments')).filter((file) => segmentOfFileName(file.name) !== undefined);
  const files = new Map(listing.map((file) => [file.name, file]));
  const states: { segment: SegmentId; node: string; state: 'missing' | 'short' | 'good' }[] = [];
  for (let after = ''; ; ) {
    const page = host.reader.segments(after, pageSegments);
    for (const segment of page) {
      const state = await judge(host, node, segment, files.get(segmentFileName(segment.id)));
      if (state) states.push({ segment: segment.id, node: node.id, state });
    }
    if (page.length < pageSegments) break;
    after = page.at(-1)!.id;
  }
  if (states.length > 0) await host.withWriter((writer) => writer.setReplicaStates(states));
  const removed = await removeUnreferred(host, gate, node, listing);
  const count = (state: string) => states.filter((item) => item.state === state).length;
  return { missing: count('missing'), short: count('short'), found: count('good'), removed };
}

async function judge(
  host: MaintenanceHost,
  node: MaintenanceNode,
  segment: SegmentRow,
  file: StoredFile | undefined,
): Promise<'missing' | 'short' | 'good' | undefined> {
  const replica = segment.replicas.find((candidate) => candidate.node === node.id);
  if (!replica || segment.state !== 'sealed' || host.isInUse(segment.id)) return undefined;
  if (!file) return replica.state !== 'missing' && (await isMissing(node, segment.id)) ? 'missing' : undefined;
  if (file.sizeBytes < segment.lengthBytes) return replica.state === 'good' ? 'short' : undefined;
  if (file.sizeBytes > segment.lengthBytes) await node.store.cut('segments', file.name, segment.lengthBytes);
  // A copy that was only missed is here again; whether it is whole, the healer verifies before it counts.
  return undefined;
}

/** The listing may be older than the copy. */
async function isMissing(node: MaintenanceNode, segment: SegmentId): Promise<boolean> {
  try {
    await node.store.read('segments', segmentFileName(segment), 0, 1);
    return false;
  } catch (error) {
    if (hasCode(error, 'FILE_MISSING')) return true;
    throw error;
  }
}

async function removeUnreferred(
  host: MaintenanceHost,
  gate: DeletionGate,
  node: MaintenanceNode,
  listing: readonly StoredFile[],
): Promise<number> {
  const epochs = new Set(host.reader.epochs().map((epoch) => epoch.id));
  const unreferred = listing.filter((file) => {
    const segment = segmentOfFileName(file.name)!;
    if (host.isInUse(segment)) return false;
    const row = host.reader.segment(segment);
    if (row) return row.state === 'sealed' && !row.replicas.some((replica) => replica.node === node.id);
    return epochs.has(segment.slice(0, 16));
  });
  if (unreferred.length === 0) return 0;
  const run = await gate.removeSegments(node, unreferred, listing);
  if (run.moved.length > 0) {
    host.report('info', `${node.label}: ${run.moved.length} superseded segment file(s) moved to the attic`);
  }
  return run.moved.length;
}
