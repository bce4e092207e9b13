/**
 * Moves copies between nodes: off those that are being emptied, by itself as soon as a node's role is `draining`; and to
 * even loads, when a person asks for it. A copy is made from verified records and journaled by `relocate`; the file that
 * is not needed any more goes through the gate when its node's listing is compared. What fails is parked with its reason
 * and tried again later. Nothing is remembered: what is left to do is in the index.
 */
import { asDriveError, DriveError } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { SegmentRow } from '../../meta/rows.js';
import { placementTable } from '../../store/placement-table.js';
import { copySegment } from '../../store/read/segment-copy.js';
import { countsAsCopy, isReadable, takesNewData } from '../../store/store-node.js';
import type { BadCopy } from '../../store/store-types.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import type { StepResult, Worker } from '../worker.js';
import { type Move, type MoveNode, type MovePlan, planDrain, planRebalance } from './move-plan.js';

export type MoveRequest =
  /** As if these nodes were being emptied, whatever their role is now. */
  { readonly kind: 'drain'; readonly nodes: readonly NodeId[] } | { readonly kind: 'rebalance' };

export interface MoveStatus {
  /** A copy is being made now. */
  readonly active: boolean;
  readonly draining: readonly DrainStatus[];
  /** Asked for and not finished. */
  readonly isRebalancing: boolean;
  /** Moves of the plan that is carried out now, the current one included. */
  readonly queuedMoves: number;
  readonly queuedBytes: number;
  /** Since the volume was opened. */
  readonly movedSegments: number;
  readonly copiedBytes: number;
  /** Failed, and tried again later. */
  readonly parked: readonly { readonly segment: SegmentId; readonly reason: string }[];
  /** Should move and cannot: no room elsewhere, or no good copy can be read. */
  readonly stuckSegments: number;
}

export interface DrainStatus {
  readonly node: NodeId;
  /** 0: it is empty, and may be removed. */
  readonly leftBytes: number;
}

export interface MoverContract {
  /** What would be done; nothing is. UNAVAILABLE, ABORTED as the index's answers. */
  plan(request: MoveRequest, signal?: AbortSignal): Promise<MovePlan>;
  /** Begins to even loads; ends by itself when no move is left. Idempotent. */
  startRebalance(): void;
  stopRebalance(): void;
  status(): MoveStatus;
}

export interface MoverOptions {
  /** Healing is more urgent: nothing moves meanwhile. */
  readonly isHealing: () => boolean;
  /** The node holds files now that are not needed there. */
  readonly onGivenUp: (node: NodeId) => void;
}

const parkMs = 30_000;
/** Between two plans while something is left that cannot be done now. */
const lookMs = 10_000;
const pageSegments = 500;

export class Mover implements Worker, MoverContract {
  readonly name = 'move';
  private readonly host: MaintenanceHost;
  private readonly options: MoverOptions;
  private readonly pacer: Pacer;
  private readonly parked = new Map<SegmentId, { until: number; reason: string }>();
  private queue: Move[] = [];
  private current: Move | undefined;
  private isWanted = false;
  private stuckSegments = 0;
  private plannedMs = Number.NEGATIVE_INFINITY;
  private plannedFor = '';
  private movedBefore = 0;
  private moved = 0;
  private copiedBytes = 0;

  constructor(host: MaintenanceHost, options: MoverOptions) {
    this.host = host;
    this.options = options;
    this.pacer = new Pacer(host);
  }

  async plan(request: MoveRequest, signal?: AbortSignal): Promise<MovePlan> {
    const { reader, segments, clock } = this.host;
    const found: SegmentRow[] = [];
    for (let after = ''; ; ) {
      const page = reader.segments(after, pageSegments);
      found.push(...page.filter((row) => row.state === 'sealed' && row.liveBytes > 0));
      if (page.length < pageSegments) break;
      after = page.at(-1)!.id;
      await clock.sleep(0); // Requests come first.
      if (signal?.aborted) throw new DriveError('ABORTED');
    }
    const leaving = request.kind === 'drain' ? request.nodes : [];
    const input = {
      segments: found,
      nodes: this.table(leaving),
      wantedCopies: (row: SegmentRow) => row.wanted,
      ...segments.limits(),
    };
    return request.kind === 'drain' ? planDrain(input) : planRebalance(input);
  }

  startRebalance(): void {
    this.isWanted = true;
    this.plannedFor = '';
  }

  stopRebalance(): void {
    this.isWanted = false;
    this.plannedFor = '';
  }

  status(): MoveStatus {
    const moves = this.current ? [this.current, ...this.queue] : this.queue;
    const used = new Map(this.host.reader.nodes().map((row) => [row.id, row.usedBytes]));
    return {
      active: this.current !== undefined,
      draining: this.draining().map((node) => ({ node, leftBytes: used.get(node) ?? 0 })),
      isRebalancing: this.isWanted,
      queuedMoves: moves.length,
      queuedBytes: moves.reduce((sum, { to, lengthBytes }) => sum + (to === null ? 0 : lengthBytes), 0),
      movedSegments: this.moved,
      copiedBytes: this.copiedBytes,
      parked: [...this.parked].map(([segment, { reason }]) => ({ segment, reason })),
      stuckSegments: this.stuckSegments,
    };
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    if (this.options.isHealing()) return 'idle';
    if (await this.look(signal)) return 'worked';
    const move = this.queue.shift();
    if (!move) return 'idle';
    const release = this.host.isWritten(move.segment) ? undefined : this.host.occupy(move.segment);
    if (!release) return 'worked'; // The next plan has it again.
    this.current = move;
    try {
      if (await this.carryOut(move, signal)) this.moved += 1;
    } catch (error) {
      if (signal.aborted) throw error;
      const { message } = asDriveError(error);
      this.parked.set(move.segment, { until: this.host.clock.monotonic() + parkMs, reason: message });
      this.host.report('warning', `segment ${move.segment} could not be moved now: ${message}`);
    } finally {
      this.current = undefined;
      release();
    }
    return 'worked';
  }

  /** Makes a new plan when another one is wanted, or when one is done and a while has passed; true when it did. */
  private async look(signal: AbortSignal): Promise<boolean> {
    const now = this.host.clock.monotonic();
    for (const [segment, { until }] of this.parked) if (until <= now) this.parked.delete(segment);
    const nodes = this.leaving();
    const wanted = nodes.length > 0 ? nodes.join() : this.isWanted ? 'rebalance' : '';
    // What a plan has brought about may make more possible.
    const isDue = this.queue.length === 0 && (this.moved > this.movedBefore || now - this.plannedMs >= lookMs);
    if (wanted === this.plannedFor && (wanted === '' || !isDue)) return false;
    this.plannedMs = now;
    this.plannedFor = wanted;
    this.movedBefore = this.moved;
    this.queue = [];
    this.stuckSegments = 0;
    if (wanted === '') return false;
    this.endOpenSegments(nodes);
    const { moves, stuck } = await this.plan(
      nodes.length > 0 ? { kind: 'drain', nodes } : { kind: 'rebalance' },
      signal,
    );
    this.queue = moves.filter(({ segment }) => !this.parked.has(segment));
    this.stuckSegments = stuck.length;
    if (wanted === 'rebalance' && this.queue.length === 0) this.endRebalance();
    return this.queue.length > 0;
  }

  private endRebalance(): void {
    // What failed is tried again with the next plan.
    if (this.parked.size > 0) return;
    this.isWanted = false;
    this.plannedFor = '';
    this.host.report(
      'info',
      'rebalancing ends: the nodes are filled evenly, as far as the copies of a segment may lie',
    );
  }

  /** What is open on them can move only when it is sealed. */
  private endOpenSegments(nodes: readonly NodeId[]): void {
    for (const open of this.host.segments.openSegments()) {
      if (open.nodes.some((node) => nodes.includes(node))) this.host.segments.seal(open.segment);
    }
  }

  /** False when things have changed since the plan was made. */
  private async carryOut({ segment, from, to }: Move, signal: AbortSignal): Promise<boolean> {
    const row = this.host.reader.segment(segment);
    const target = to === null ? null : this.nodeOf(to);
    if (row?.state !== 'sealed' || !row.replicas.some(({ node }) => node === from)) return false;
    if (to === null ? !this.isEnoughWithout(row, from) : row.replicas.some(({ node }) => node === to)) return false;
    if (target !== null && (!target || !takesNewData(target))) return false;
    if (target) await this.copy(row, target, signal);
    const now = this.host.reader.segment(segment);
    if (!now) return false;
    const others = now.replicas.map(({ node }) => node).filter((node) => node !== from && node !== to);
    const operations = [{ o: 'relocate', segment, nodes: to === null ? others : [...others, to] }] as const;
    await this.host.submit({ kind: 'operations', principal: '', now: this.host.clock.now(), operations });
    this.options.onGivenUp(from);
    return true;
  }

  private async copy(row: SegmentRow, to: MaintenanceNode, signal: AbortSignal): Promise<void> {
    const { id: segment, lengthBytes, hash } = row;
    const bad: BadCopy[] = [];
    const onBadCopy = (copy: BadCopy) => bad.push(copy);
    try {
      const from = this.sources(row);
      const { pace } = this.pacer;
      this.copiedBytes += await copySegment({ segment, lengthBytes, hash, from, to, signal, onBadCopy, pace });
    } finally {
      await this.noteBadCopies(bad.filter(({ node }) => node !== to.id));
    }
  }

  private async noteBadCopies(copies: readonly BadCopy[]): Promise<void> {
    if (copies.length === 0) return;
    const states = copies.map(({ segment, node, problem }) => {
      const state = problem === 'io' ? ('damaged' as const) : problem;
      return { segment, node, state };
    });
    await this.host.withWriter((writer) => writer.setReplicaStates(states));
  }

  private isEnoughWithout(row: SegmentRow, from: NodeId): boolean {
    const others = row.replicas.filter(({ node: id, state }) => {
      const node = id === from || state !== 'good' ? undefined : this.nodeOf(id);
      return node !== undefined && isReadable(node.state) && node.role === 'active';
    });
    return others.length >= row.wanted;
  }

  /** Good copies first. */
  private sources(row: SegmentRow): MaintenanceNode[] {
    const replicas = [...row.replicas].sort((a, b) => Number(a.state !== 'good') - Number(b.state !== 'good'));
    return replicas.flatMap(({ node }) => this.nodeOf(node) ?? []).filter((node) => isReadable(node.state));
  }

  private draining(): NodeId[] {
    return this.host.nodes().flatMap(({ id, role }) => (role === 'draining' ? id : []));
  }

  /** Those of them that hold something. */
  private leaving(): NodeId[] {
    const draining = this.draining();
    if (draining.length === 0) return [];
    return this.host.reader.nodes().flatMap(({ id, usedBytes }) => (usedBytes > 0 && draining.includes(id) ? id : []));
  }

  private table(leaving: readonly NodeId[]): MoveNode[] {
    const nodes = this.host.nodes().filter(countsAsCopy);
    const used = new Map(this.host.reader.nodes().map((row) => [row.id, row.usedBytes]));
    return placementTable(nodes, (id) => used.get(id) ?? 0).map((row, index) => ({
      ...row,
      readable: isReadable(nodes[index]!.state),
      draining: nodes[index]!.role === 'draining' || leaving.includes(row.id),
    }));
  }

  private nodeOf(id: NodeId): MaintenanceNode | undefined {
    return this.host.nodes().find((node) => node.id === id);
  }
}
