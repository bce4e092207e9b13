/**
 * Compares what a node holds with what the index places there, by names and lengths alone: one listing a node. Finds
 * lost and short copies (to be healed), copies longer than their seal (cut), and files that the index does not place
 * there: a whole copy of a segment that lacks copies is taken into service, everything else goes to the gate.
 */
import { hasCode } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { SegmentRow } from '../../meta/rows.js';
import { segmentFileName, segmentOfFileName } from '../../segment/segment-id.js';
import { verifyReplica } from '../../store/read/segment-copy.js';
import type { StoredFile } from '../../store/store-node.js';
import { uncountedNodes } from '../healing/grace.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import type { DeletionGate, GateRun } from './deletion-gate.js';

export interface CopyFindings {
  readonly missing: number;
  readonly short: number;
}

export interface RemovalFindings {
  readonly adopted: number;
  readonly removed: number;
  readonly postponed: number;
}

const pageSegments = 500;
/** Of those forgotten the files are only removed a little later. */
const mostRetiredKept = 10_000;
/**
 * A file that the index does not know may be of a segment that is being written, between its last byte and its batch.
 * So it must be seen in two listings, this far apart.
 */
export const unknownMs = 30_000;

export class ListingCheck {
  private readonly host: MaintenanceHost;
  private readonly gate: DeletionGate;
  private readonly pacer: Pacer;
  /** Retired while this runs: their files need not be seen twice. */
  private readonly retired = new Set<SegmentId>();
  private readonly unknownSince = new Map<NodeId, Map<string, number>>();
  private readonly warned = new Map<NodeId, string>();

  constructor(host: MaintenanceHost, gate: DeletionGate) {
    this.host = host;
    this.gate = gate;
    this.pacer = new Pacer(host);
  }

  noteRetired(segments: readonly SegmentId[]): void {
    for (const segment of segments) this.retired.add(segment);
    for (const oldest of this.retired) {
      if (this.retired.size <= mostRetiredKept) return;
      this.retired.delete(oldest);
    }
  }

  /** Lost and short copies. NODE_GONE and other errors of the node reject; then nothing was concluded. */
  async findBadCopies(node: MaintenanceNode): Promise<CopyFindings> {
    const files = new Map((await node.store.list('segments')).map((file) => [file.name, file]));
    const states: { segment: SegmentId; node: string; state: 'missing' | 'short' }[] = [];
    for (const segment of this.rows()) {
      const state = await this.judge(node, segment, files.get(segmentFileName(segment.id)));
      if (state) states.push({ segment: segment.id, node: node.id, state });
    }
    if (states.length > 0) await this.host.withWriter((writer) => writer.setReplicaStates(states));
    const missing = states.filter(({ state }) => state === 'missing').length;
    return { missing, short: states.length - missing };
  }

  /** Files that the index does not place on the node. Errors of the node reject. */
  async clearUnreferred(node: MaintenanceNode, signal?: AbortSignal): Promise<RemovalFindings> {
    const listing = (await node.store.list('segments')).filter((file) => segmentOfFileName(file.name) !== undefined);
    const uncounted = uncountedNodes(this.host);
    const superseded: StoredFile[] = [];
    let adopted = 0;
    for (const file of this.unreferred(node, listing)) {
      const row = this.host.reader.segment(segmentOfFileName(file.name)!);
      if (!row) superseded.push(file);
      else if (row.state !== 'sealed') continue;
      else if (goodCopies(row, uncounted) >= row.wanted) superseded.push(file);
      else if (await this.adopt(node, row.id, signal)) adopted += 1;
    }
    if (adopted > 0) this.host.report('info', `${node.label}: ${adopted} segment file(s) found there count again`);
    if (superseded.length === 0) return { adopted, removed: 0, postponed: 0 };
    const run = await this.gate.removeSegments({ node, files: superseded, signal });
    if (run.moved.length > 0) {
      this.host.report('info', `${node.label}: ${run.moved.length} superseded segment file(s) moved to the attic`);
    }
    this.warnOnce(node, run);
    return { adopted, removed: run.moved.length, postponed: run.postponed };
  }

  private *rows(): Generator<SegmentRow> {
    for (let after = ''; ; ) {
      const page = this.host.reader.segments(after, pageSegments);
      yield* page;
      if (page.length < pageSegments) return;
      after = page.at(-1)!.id;
    }
  }

  private async judge(
    node: MaintenanceNode,
    { id, state, lengthBytes, replicas }: SegmentRow,
    file: StoredFile | undefined,
  ): Promise<'missing' | 'short' | undefined> {
    const replica = replicas.find((candidate) => candidate.node === node.id);
    if (!replica || state !== 'sealed' || this.host.isInUse(id)) return undefined;
    const sizeBytes = file?.sizeBytes ?? 0;
    if (sizeBytes < lengthBytes && replica.state === 'good') return this.badCopy(node, id, lengthBytes);
    if (sizeBytes > lengthBytes) await this.gate.cutBehindSeal(node, id);
    // A copy that was only missed may be here again; whether it is whole, the healer verifies before it counts.
    return undefined;
  }

  /** The listing may be older than the copy: asks again. */
  private async badCopy(
    node: MaintenanceNode,
    segment: SegmentId,
    lengthBytes: number,
  ): Promise<'missing' | 'short' | undefined> {
    try {
      const last = await node.store.read('segments', segmentFileName(segment), lengthBytes - 1, 1);
      return last.length === 0 ? 'short' : undefined;
    } catch (error) {
      if (hasCode(error, 'FILE_MISSING')) return 'missing';
      throw error;
    }
  }

  private unreferred(node: MaintenanceNode, listing: readonly StoredFile[]): StoredFile[] {
    const now = this.host.clock.monotonic();
    const before = this.unknownSince.get(node.id);
    const unknown = new Map<string, number>();
    const found = listing.filter(({ name }) => {
      const segment = segmentOfFileName(name)!;
      if (this.host.isInUse(segment)) return false;
      const row = this.host.reader.segment(segment);
      if (row) return !row.replicas.some((replica) => replica.node === node.id);
      const since = before?.get(name) ?? now;
      unknown.set(name, since);
      return this.retired.has(segment) || now - since >= unknownMs;
    });
    this.unknownSince.set(node.id, unknown);
    return found;
  }

  /** A copy that the index does not count any more, of a segment that lacks copies: verified, it counts again. */
  private async adopt(node: MaintenanceNode, segment: SegmentId, signal: AbortSignal | undefined): Promise<boolean> {
    const release = node.role === 'active' ? this.host.occupy(segment) : undefined;
    if (!release) return false;
    try {
      const row = this.host.reader.segment(segment);
      if (row?.state !== 'sealed') return false;
      const { lengthBytes, hash } = row;
      const state = await verifyReplica({ segment, lengthBytes, hash, node, signal, pace: this.pacer.pace });
      const now = this.host.reader.segment(segment);
      if (state !== 'good' || !now) return false;
      const nodes = [...now.replicas.map((replica) => replica.node), node.id];
      const operations = [{ o: 'relocate', segment, nodes }] as const;
      await this.host.submit({ kind: 'operations', principal: '', now: this.host.clock.now(), operations });
      return true;
    } finally {
      release();
    }
  }

  /** Each new state of things once. */
  private warnOnce(node: MaintenanceNode, { refused, postponed }: GateRun): void {
    const reasons = [...new Set(refused.map(({ reason }) => reason))].sort();
    const files = (count: number) => `${count} superseded segment file(s)`;
    const sentences = reasons.map((reason) => {
      const kept = refused.filter((refusal) => refusal.reason === reason).length;
      return `the gate keeps ${files(kept)}: ${reason}`;
    });
    if (postponed > 0) {
      sentences.push(
        `${files(postponed)} more are a large share of it; they are moved bit by bit, and wait in the attic for a day: ` +
          'if you did not delete that much, "holdfast attic restore DIR --all" brings back what is needed',
      );
    }
    const state = [...reasons, postponed > 0].join();
    if (this.warned.get(node.id) === state) return;
    this.warned.set(node.id, state);
    for (const sentence of sentences) this.host.report('warning', `${node.label}: ${sentence}`);
  }
}

function goodCopies(row: SegmentRow, uncounted: readonly NodeId[]): number {
  return row.replicas.filter((replica) => replica.state === 'good' && !uncounted.includes(replica.node)).length;
}
