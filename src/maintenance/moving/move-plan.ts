/**
 * Which copies move, from where to where. Pure; what comes of it is journaled move by move, so a plan is never kept: the
 * next one begins from what the index says then.
 *
 * Drain: every copy leaves the nodes that are being emptied. Rebalance: first copies that share a failure group while
 * another could have one, then copies from nodes above their share to nodes below it, until all are within one segment.
 */
import type { NodeId, SegmentId } from '../../core/ids.js';
import { copyTarget } from '../../store/copy-target.js';
import { type ForecastNode, type ForecastSegment, putOn } from '../../store/loss-forecast.js';
import { rendezvousScore, shares } from '../../store/placement.js';

export interface Move {
  readonly segment: SegmentId;
  readonly lengthBytes: number;
  readonly from: NodeId;
  /** null: enough other copies are there, so this one is only given up. */
  readonly to: NodeId | null;
}

export interface MovePlan {
  readonly moves: readonly Move[];
  /** What has to be copied. */
  readonly copyBytes: number;
  /** Copies that should move and cannot: no node has room for them, or none can be read. */
  readonly stuck: readonly { readonly segment: SegmentId; readonly from: NodeId }[];
}

export interface MoveNode extends ForecastNode {
  /** Everything shall leave it. */
  readonly draining: boolean;
}

export interface MovePlanInput<S extends ForecastSegment = ForecastSegment> {
  /** Sealed segments in which something lives. */
  readonly segments: readonly S[];
  readonly nodes: readonly MoveNode[];
  wantedCopies(segment: S): number;
  /** Length limit of a segment. */
  readonly segmentBytes: number;
  readonly reserveBytes: number;
}

export function planDrain<S extends ForecastSegment>(input: MovePlanInput<S>): MovePlan {
  const plan = new Plan(input);
  for (const segment of plan.segments) plan.drain(segment);
  return plan.result();
}

export function planRebalance<S extends ForecastSegment>(input: MovePlanInput<S>): MovePlan {
  const plan = new Plan(input);
  for (const segment of plan.segments) plan.spread(segment);
  plan.even();
  return plan.result();
}

interface PlannedSegment {
  readonly id: SegmentId;
  readonly lengthBytes: number;
  readonly wanted: number;
  /** As they are after the moves so far. */
  replicas: readonly { readonly node: NodeId; readonly state: string }[];
}

/** Figures as they are after the moves so far. */
class Plan {
  readonly segments: readonly PlannedSegment[];
  private readonly nodes: readonly MoveNode[];
  private readonly input: Pick<MovePlanInput, 'segmentBytes' | 'reserveBytes'>;
  private readonly moves: Move[] = [];
  private readonly stuck: { readonly segment: SegmentId; readonly from: NodeId }[] = [];

  constructor({ segments, nodes, wantedCopies, ...input }: MovePlanInput) {
    this.input = input;
    this.nodes = nodes.map((node) => ({ ...node, writable: node.writable && !node.draining }));
    this.segments = segments.map((segment) => {
      const { id, lengthBytes, replicas } = segment;
      return { id, lengthBytes, replicas, wanted: wantedCopies(segment) };
    });
  }

  result(): MovePlan {
    const copied = this.moves.filter(({ to }) => to !== null);
    const copyBytes = copied.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    return { moves: this.moves, copyBytes, stuck: this.stuck };
  }

  /** Bad copies are left to healing, which makes the new ones elsewhere. */
  drain(segment: PlannedSegment): void {
    const leaving = segment.replicas.filter(({ node }) => this.nodeOf(node)?.draining);
    for (const { node: from, state } of leaving) {
      const staying = this.goodOn(segment, (node) => !node.draining);
      if (staying.filter(({ readable }) => readable).length >= segment.wanted) this.move(segment, from, null);
      else if (state !== 'good') continue;
      else this.moveOrSticks(segment, from, ids(staying));
    }
  }

  /** One of two good copies in a failure group goes to a group that has none. */
  spread(segment: PlannedSegment): void {
    const good = this.goodOn(segment, ({ writable }) => writable);
    const groups = new Set(good.map(({ group }) => group));
    const double = good.find((node, index) => good.slice(index + 1).some(({ group }) => group === node.group));
    if (!double || !good.some(({ readable }) => readable)) return;
    const to = this.target(segment, ids(good.filter((node) => node !== double)));
    const isNew = to !== undefined && !groups.has(this.nodeOf(to)!.group);
    if (isNew) this.move(segment, double.id, to);
  }

  /** Again and again through all segments, one copy of each at a time, until nothing moves any more. */
  even(): void {
    const fair = this.fairBytes();
    const excess = (node: MoveNode) => node.usedBytes - (fair.get(node.id) ?? node.usedBytes);
    const { segmentBytes } = this.input;
    if (this.nodes.every((node) => Math.abs(excess(node)) <= segmentBytes)) return;
    for (let moved = -1; moved !== this.moves.length; ) {
      moved = this.moves.length;
      for (const segment of this.segments) this.evenOne(segment, excess);
    }
  }

  private evenOne(segment: PlannedSegment, excess: (node: MoveNode) => number): void {
    const half = segment.lengthBytes / 2;
    const good = this.goodOn(segment, ({ readable }) => readable);
    const givers = good.filter((node) => node.writable && excess(node) > half);
    const takers = this.nodes.filter((node) => node.writable && excess(node) < -half);
    if (givers.length === 0 || takers.length === 0) return;
    // Nearly equal ones in an order of each segment's own, so that no two nodes come to hold the same segments.
    const rank = (node: MoveNode) => Math.floor(excess(node) / this.input.segmentBytes);
    const score = ({ id }: MoveNode) => rendezvousScore(segment.id, id, 1);
    for (const giver of givers.sort((a, b) => rank(b) - rank(a) || score(a) - score(b))) {
      const kept = good.filter((node) => node !== giver);
      const groups = new Set(kept.map(({ group }) => group));
      const allowed = takers.filter(({ group }) => !groups.has(group) || groups.has(giver.group));
      const to = this.target(segment, ids(kept), allowed);
      if (to === undefined) continue;
      this.move(segment, giver.id, to);
      return;
    }
  }

  /** What each node that takes new data should hold: its share, but never a segment twice in what holds it once. */
  private fairBytes(): Map<NodeId, number> {
    const nodes = this.nodes.filter(({ writable }) => writable);
    const parts = new Map(shares(nodes).map((part, index) => [nodes[index]!.id, part]));
    const partOf = (members: readonly MoveNode[]) => members.reduce((sum, { id }) => sum + parts.get(id)!, 0);
    const wanted = this.segments.reduce((most, segment) => Math.max(most, segment.wanted), 1);
    const groups = [...new Set(nodes.map(({ group }) => group))];
    let open =
      groups.length >= wanted
        ? groups.map((group) => nodes.filter((node) => node.group === group))
        : nodes.map((node) => [node]);
    const most = this.segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
    let left = nodes.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
    const fair = new Map<NodeId, number>();
    const give = (members: readonly MoveNode[], bytes: number) => {
      for (const { id } of members) fair.set(id, (bytes * parts.get(id)!) / partOf(members));
    };
    for (;;) {
      const all = partOf(open.flat());
      const over = open.filter((members) => (left * partOf(members)) / all > most);
      if (over.length === 0) {
        for (const members of open) give(members, (left * partOf(members)) / all);
        return fair;
      }
      for (const members of over) give(members, most);
      left -= over.length * most;
      open = open.filter((members) => !over.includes(members));
    }
  }

  private moveOrSticks(segment: PlannedSegment, from: NodeId, kept: readonly NodeId[]): void {
    const isReadable = this.goodOn(segment, ({ readable }) => readable).length > 0;
    const to = isReadable ? this.target(segment, kept) : undefined;
    if (to === undefined) this.stuck.push({ segment: segment.id, from });
    else this.move(segment, from, to);
  }

  private target(
    { id: segment, lengthBytes, replicas }: PlannedSegment,
    kept: readonly NodeId[],
    among: readonly MoveNode[] = this.nodes,
  ): NodeId | undefined {
    const { reserveBytes } = this.input;
    const nodes = this.nodes.map((node) => (among.includes(node) ? node : { ...node, writable: false }));
    return copyTarget({
      segment,
      lengthBytes,
      holders: replicas.map(({ node }) => node),
      kept,
      nodes,
      reserveBytes,
      by: 'load',
    });
  }

  private move(segment: PlannedSegment, from: NodeId, to: NodeId | null): void {
    const { id, lengthBytes } = segment;
    this.moves.push({ segment: id, lengthBytes, from, to });
    const others = segment.replicas.filter(({ node }) => node !== from);
    segment.replicas = to === null ? others : [...others, { node: to, state: 'good' }];
    // What leaves gives its room back only after a while in the attic.
    const left = this.nodeOf(from) as { usedBytes: number };
    left.usedBytes -= lengthBytes;
    if (to !== null) putOn(this.nodes, to, lengthBytes);
  }

  private goodOn({ replicas }: PlannedSegment, isMeant: (node: MoveNode) => boolean): MoveNode[] {
    const good = replicas.filter(({ state }) => state === 'good').map(({ node }) => this.nodeOf(node));
    return good.filter((node) => node !== undefined && isMeant(node)) as MoveNode[];
  }

  private nodeOf(id: NodeId): MoveNode | undefined {
    return this.nodes.find((node) => node.id === id);
  }
}

const ids = (nodes: readonly MoveNode[]): NodeId[] => nodes.map(({ id }) => id);
