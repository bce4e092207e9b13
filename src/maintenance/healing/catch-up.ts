/**
 * Keeps a node that is away on purpose a full copy: when it is here, every sealed living segment that it lacks is copied
 * to it. What is open when it comes is sealed first, so that the copy holds all that was saved until then; when all of it
 * lies there, the time is journaled as the age of the copy. While the node stays, this is done again now and then.
 */
import { asDriveError } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { NodeRow, SegmentRow } from '../../meta/rows.js';
import { copySegment, verifyReplica } from '../../store/read/segment-copy.js';
import { isReadable, isWritable } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import type { StepResult, Worker } from '../worker.js';

/** Of a node that stays: how old its copy may get. */
const renewMs = 3_600_000;
/** After a failure. */
const pauseMs = 60_000;
const pageSegments = 500;

interface Visit {
  /** When the node came, in its own words. */
  readonly since: number;
  /** Everything saved until then shall be on the node. */
  asOf: number;
  /** Segments whose seal was not journaled then. */
  open: readonly SegmentId[];
  queue: SegmentId[];
  /** Monotonic: nothing is to be done before. */
  idleUntilMs: number;
  isTold: boolean;
  copiedBytes: number;
  problem: string | undefined;
}

export interface CatchUpStatus {
  readonly node: NodeId;
  /** Nothing saved before the node came, or before the last renewal, is missing on it. */
  readonly isCurrent: boolean;
  readonly leftSegments: number;
}

export class CatchUp implements Worker {
  readonly name = 'catch-up';
  private readonly host: MaintenanceHost;
  private readonly pacer: Pacer;
  private readonly visits = new Map<NodeId, Visit>();

  constructor(host: MaintenanceHost) {
    this.host = host;
    this.pacer = new Pacer(host);
  }

  /** Of nodes that are here. */
  status(): CatchUpStatus[] {
    this.endVisits();
    return [...this.visits].map(([node, visit]) => ({
      node,
      isCurrent: visit.isTold,
      leftSegments: visit.queue.length,
    }));
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const rows = this.host.reader.nodes().filter(({ role }) => role === 'away');
    this.endVisits();
    for (const row of rows) {
      const node = this.nodeOf(row.id);
      if (node?.role !== 'away' || !isWritable(node.state)) continue;
      if ((await this.serve(row, node, signal)) === 'worked') return 'worked';
    }
    return 'idle';
  }

  /** A node that left and came back between two looks begins a new one. */
  private endVisits(): void {
    for (const [id, { since }] of this.visits) {
      const node = this.nodeOf(id);
      if (node?.role !== 'away' || !isReadable(node.state) || node.since !== since) this.visits.delete(id);
    }
  }

  private async serve(row: NodeRow, node: MaintenanceNode, signal: AbortSignal): Promise<StepResult> {
    let visit = this.visits.get(node.id);
    if (visit && this.host.clock.monotonic() < visit.idleUntilMs) return 'idle';
    if (!visit) {
      visit = await this.begin(node);
      this.visits.set(node.id, visit);
    } else if (visit.idleUntilMs !== 0 && visit.isTold) {
      // It stayed, and its copy got old.
      Object.assign(visit, await this.begin(node), { isTold: true });
    }
    if (visit.queue.length === 0) visit.queue = this.missingOn(node);
    const segment = visit.queue.shift();
    if (segment === undefined) return this.finish(row, node, visit);
    const release = this.host.isWritten(segment) ? undefined : this.host.occupy(segment);
    // It is found again in a second.
    if (!release) return 'idle';
    try {
      visit.copiedBytes += await this.bring(segment, node, signal);
      visit.problem = undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      this.postpone(node, visit, asDriveError(error).message);
    } finally {
      release();
    }
    return 'worked';
  }

  private async begin({ since }: MaintenanceNode): Promise<Visit> {
    const asOf = this.host.clock.now();
    await this.host.segments.sealAll();
    // Everything acknowledged so far is in the index; some of these seals are still on their way there.
    const open = [...this.rows()].filter(({ state }) => state === 'open').map(({ id }) => id);
    return { since, asOf, open, queue: [], idleUntilMs: 0, isTold: false, copiedBytes: 0, problem: undefined };
  }

  /** Living segments without a whole copy there. */
  private missingOn(node: MaintenanceNode): SegmentId[] {
    return [...this.rows()].filter((row) => isMissing(row, node.id)).map(({ id }) => id);
  }

  private *rows(): Generator<SegmentRow> {
    for (let after = ''; ; ) {
      const page = this.host.reader.segments(after, pageSegments);
      yield* page;
      if (page.length < pageSegments) return;
      after = page.at(-1)!.id;
    }
  }

  /** The bytes that were copied. */
  private async bring(segment: SegmentId, node: MaintenanceNode, signal: AbortSignal): Promise<number> {
    const row = this.host.reader.segment(segment);
    if (!row || !isMissing(row, node.id)) return 0;
    const { lengthBytes, hash, replicas } = row;
    const { pace } = this.pacer;
    const state = await verifyReplica({ segment, lengthBytes, hash, node, signal, pace });
    const from = this.sources(row);
    const copied =
      state === 'good' ? 0 : await copySegment({ segment, lengthBytes, hash, from, to: node, signal, pace });
    if (replicas.some((replica) => replica.node === node.id)) {
      await this.host.withWriter((writer) => writer.setReplicaStates([{ segment, node: node.id, state: 'good' }]));
    } else {
      const nodes = [...replicas.map((replica) => replica.node), node.id];
      const operations = [{ o: 'relocate', segment, nodes }] as const;
      await this.host.submit({ kind: 'operations', principal: '', now: this.host.clock.now(), operations });
    }
    return copied;
  }

  private async finish(row: NodeRow, node: MaintenanceNode, visit: Visit): Promise<StepResult> {
    if (visit.open.some((id) => this.host.reader.segment(id)?.state === 'open')) return 'idle';
    const { usedBytes: _, ...settings } = row;
    const operations = [{ o: 'node', ...settings, current: visit.asOf }] as const;
    await this.host.submit({ kind: 'operations', principal: '', now: this.host.clock.now(), operations });
    if (!visit.isTold) {
      const copied = `${(visit.copiedBytes / 2 ** 20).toFixed(1)} MiB copied`;
      this.host.report(
        'info',
        `${node.label}: this copy is current (${copied}): you may unplug it now`,
        'copy-current',
      );
    }
    visit.isTold = true;
    visit.idleUntilMs = this.host.clock.monotonic() + renewMs;
    return 'worked';
  }

  private postpone(node: MaintenanceNode, visit: Visit, problem: string): void {
    visit.queue = [];
    visit.idleUntilMs = this.host.clock.monotonic() + pauseMs;
    if (visit.problem === problem) return;
    visit.problem = problem;
    this.host.report('warning', `${node.label} cannot be made a full copy now: ${problem}; it is tried again`);
  }

  /** Good copies first; each record is verified, so a damaged copy gives what is whole of it. */
  private sources({ replicas }: SegmentRow): MaintenanceNode[] {
    return [...replicas]
      .sort((a, b) => Number(a.state !== 'good') - Number(b.state !== 'good'))
      .flatMap(({ node }) => this.nodeOf(node) ?? [])
      .filter((node) => isReadable(node.state));
  }

  private nodeOf(id: NodeId): MaintenanceNode | undefined {
    return this.host.nodes().find((node) => node.id === id);
  }
}

const isMissing = ({ state, liveBytes, replicas }: SegmentRow, node: NodeId): boolean =>
  state === 'sealed' && liveBytes > 0 && !replicas.some((replica) => replica.node === node && replica.state === 'good');
