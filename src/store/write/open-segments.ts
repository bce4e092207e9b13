/**
 * Chooses the open segment for each chunk, and opens new ones. One segment for small chunks, one for the cleaner, and
 * for bulk up to three on different node sets, used in rotation so that one upload keeps several disks busy; all that
 * once for each number of copies that is wanted.
 *
 * A node that failed an append or a sync gets no new segment until a probe found it well, which is told here, or for a
 * while: by then a probe has told its state.
 */
import type { Clock } from '../../core/clock.js';
import { DriveError, hasCode } from '../../core/errors.js';
import type { EpochId, NodeId } from '../../core/ids.js';
import type { SafetyParameters } from '../../core/safety-parameters.js';
import { formatSegmentId, segmentFileName } from '../../segment/segment-id.js';
import { type NodeLimits, nodeLimits } from '../capacity.js';
import { hasRoom, type PlacementNode, place } from '../placement.js';
import { placementTable } from '../placement-table.js';
import { type StoreNode, takesNewData } from '../store-node.js';
import type { SegmentKind } from '../store-types.js';
import { OpenSegment } from './open-segment.js';
import type { RunningHash } from './segment-hasher.js';
import { SegmentReplica } from './segment-replica.js';

const mostBulkSegments = 3;

export interface OpenSegmentsOptions {
  readonly nodes: () => readonly StoreNode[];
  readonly volumeId: string;
  readonly epoch: () => EpochId;
  readonly safety: SafetyParameters;
  readonly clock: Clock;
  readonly usedBytes: (node: NodeId) => number;
  /** What may still be stored, so that a loss can be healed (capacity.ts); default: as much as has room. */
  readonly availableBytes?: (() => number) | undefined;
  /** Segments not sealed yet, whose bytes `usedBytes` does not know. */
  readonly unsealed: () => Iterable<OpenSegment>;
  /** The hash of a segment for bulk chunks, made while it is written. */
  readonly startHash: () => RunningHash;
  readonly onOpened: (segment: OpenSegment) => void;
  /** The segment gets no more appends: full, of an earlier epoch, or with fewer copies than can be had now. */
  readonly onEnded: (segment: OpenSegment) => void;
  /** A replica failed: nothing more may be appended to its segment. */
  readonly onDoubt: (segment: OpenSegment) => void;
}

interface Room {
  readonly nodes: readonly PlacementNode[];
  readonly limits: NodeLimits;
  readonly reserveBytes: number;
  /** Fewest copies that will do, and those to aim at. */
  readonly least: number;
  readonly target: number;
}

export class OpenSegments {
  readonly #options: OpenSegmentsOptions;
  /** Open ones by their kind. */
  readonly #slots = new Map<string, (OpenSegment | undefined)[]>();
  /** Nodes that failed: until when they get nothing new, and whether they were merely full. */
  readonly #avoided = new Map<NodeId, { readonly untilMs: number; readonly full: boolean }>();
  #turn = 0;
  #epoch: EpochId | undefined;
  #counter = 0;

  constructor(options: OpenSegmentsOptions) {
    this.#options = options;
  }

  /** The segment that takes the chunk, in this turn. OUT_OF_SPACE, UNAVAILABLE. */
  take(kind: SegmentKind, plainBytes: number): OpenSegment {
    try {
      return this.#takeNow(kind, plainBytes);
    } catch (error) {
      // Room that is promised to segments with another number of copies is no reason to refuse.
      if (!hasCode(error, 'OUT_OF_SPACE') || !this.#endOthers(kind)) throw error;
    }
    return this.#takeNow(kind, plainBytes);
  }

  #takeNow(kind: SegmentKind, plainBytes: number): OpenSegment {
    const room = this.#room(kind);
    const slots = this.#slotsOf(kind);
    const slot = kind.lane === 'bulk' ? this.#turn++ % bulkSlots(room) : 0;
    const current = slots[slot];
    if (current) {
      if (current.takes(plainBytes) && this.#isCurrent(current, room)) return current;
      this.drop(current);
      this.#options.onEnded(current);
    }
    const opened = this.#open(kind, room, plainBytes);
    slots[slot] = opened;
    return opened;
  }

  /** How many nodes must have taken a chunk, so that writing it again elsewhere could bring no more copies. */
  wantedCopies(kind: SegmentKind): number {
    return this.#room(kind).target;
  }

  limits(): NodeLimits {
    const totals = this.#options
      .nodes()
      .filter(takesNewData)
      .flatMap(({ space }) => space?.totalBytes ?? []);
    return nodeLimits(this.#options.safety, totals);
  }

  /** Forgets the segment: nothing more is appended to it. */
  drop(segment: OpenSegment): void {
    segment.endAppends();
    const slots = this.#slotsOf(segment.kind);
    for (const [slot, open] of slots.entries()) if (open === segment) slots[slot] = undefined;
  }

  /** Takes new segments again, whatever it failed at before. */
  trust(node: NodeId): void {
    this.#avoided.delete(node);
  }

  #slotsOf({ lane, wanted }: SegmentKind): (OpenSegment | undefined)[] {
    const key = `${lane}/${wanted}`;
    const slots = this.#slots.get(key) ?? [];
    this.#slots.set(key, slots);
    return slots;
  }

  /** False when there was none. */
  #endOthers({ wanted }: SegmentKind): boolean {
    const others = [...this.#slots.values()].flat().filter((open) => open && open.kind.wanted !== wanted);
    for (const other of others as OpenSegment[]) {
      this.drop(other);
      this.#options.onEnded(other);
    }
    return others.length > 0;
  }

  #open(kind: SegmentKind, room: Room, plainBytes: number): OpenSegment {
    const { epoch: currentEpoch, volumeId, clock, safety, startHash, onOpened } = this.#options;
    const epoch = currentEpoch();
    const counter = epoch === this.#epoch ? this.#counter + 1 : 1;
    const id = formatSegmentId({ epoch, counter });
    const { segmentBytes } = room.limits;
    // The cleaner makes room, so it is not asked for any.
    const { availableBytes = () => Number.POSITIVE_INFINITY } = this.#options;
    if (kind.lane !== 'clean' && availableBytes() <= 0) throw this.#refusal();
    const chosen = place({ ...room, segment: id, copies: room.target, segmentBytes });
    if (chosen.length < room.least || chosen.length === 0) throw this.#refusal();
    const sameNodes = this.#slotsOf(kind).find(
      (open) => open?.takes(plainBytes) && this.#isCurrent(open, room) && isSameSet(open.nodes, chosen),
    );
    if (sameNodes) return sameNodes;
    this.#epoch = epoch;
    this.#counter = counter;
    const stores = new Map(this.#options.nodes().map((node) => [node.id, node.store]));
    const replicas = chosen.map(
      (node) =>
        new SegmentReplica({
          store: stores.get(node)!,
          fileName: segmentFileName(id),
          clock,
          deadlineMs: 2 * safety.writeDeadlineMs,
          onFailure: (_, error) => {
            this.#avoid(node, error);
            this.drop(segment);
            this.#options.onDoubt(segment);
          },
        }),
    );
    // What is written in small pieces is read back in long ones instead.
    const hash = kind.lane === 'bulk' ? startHash() : undefined;
    const segment = new OpenSegment({ id, epoch, kind, volumeId, limitBytes: segmentBytes, replicas, hash });
    onOpened(segment);
    return segment;
  }

  /** Of this epoch, with as many copies as can be had, all on nodes that still take new data. */
  #isCurrent(segment: OpenSegment, room: Room): boolean {
    if (segment.epoch !== this.#options.epoch() || segment.replicas.length < room.target) return false;
    return segment.replicas.every(({ node }) => room.nodes.some(({ id, writable }) => id === node && writable));
  }

  #avoid(node: NodeId, error: DriveError): void {
    const untilMs = this.#options.clock.monotonic() + this.#options.safety.probeIntervalMs;
    this.#avoided.set(node, { untilMs, full: hasCode(error, 'NODE_FULL') });
  }

  #avoidance(node: NodeId): { readonly full: boolean } | undefined {
    const avoided = this.#avoided.get(node);
    if (avoided && avoided.untilMs <= this.#options.clock.monotonic()) this.#avoided.delete(node);
    return this.#avoided.get(node);
  }

  /**
   * What there is to choose from. A node that is only full is still reachable: one copy alone is accepted only while
   * a single node is, not because the others are full.
   */
  #room({ lane, wanted }: SegmentKind): Room {
    const { nodes, usedBytes } = this.#options;
    const limits = this.limits();
    const reserveBytes = lane === 'clean' ? 0 : limits.reserveBytes;
    const open = this.#openBytes();
    const figures = placementTable(nodes(), (id) => usedBytes(id) + (open.get(id)?.written ?? 0));
    const table = figures.map((node): PlacementNode => {
      const openBytes = open.get(node.id)?.promised ?? 0;
      return { ...node, openBytes, writable: node.writable && this.#avoidance(node.id) === undefined };
    });
    const withRoom = table.filter((node) => hasRoom(node, limits.segmentBytes, reserveBytes)).length;
    const least = Math.min(wanted, 2, this.#reachable());
    return { nodes: table, limits, reserveBytes, least, target: Math.max(least, Math.min(wanted, withRoom)) };
  }

  #reachable(): number {
    return this.#options.nodes().filter((node) => {
      const avoided = this.#avoidance(node.id);
      if (node.role !== 'active' || (avoided && !avoided.full)) return false;
      return takesNewData(node) || node.state === 'full';
    }).length;
  }

  #openBytes(): Map<NodeId, { written: number; promised: number }> {
    const sums = new Map<NodeId, { written: number; promised: number }>();
    for (const segment of this.#options.unsealed()) {
      for (const replica of segment.replicas) {
        const sum = sums.get(replica.node) ?? { written: 0, promised: 0 };
        sum.written += replica.writtenBytes;
        sum.promised += segment.unwrittenBytes;
        sums.set(replica.node, sum);
      }
    }
    return sums;
  }

  #refusal(): DriveError {
    const nodes = this.#options.nodes().map(({ id, state, role, space }) => ({ id, state, role, space }));
    if (this.#reachable() === 0) {
      return new DriveError('UNAVAILABLE', { message: 'no node can be written to', details: { nodes } });
    }
    return new DriveError('OUT_OF_SPACE', { details: { nodes }, hint: 'delete something, or add a node' });
  }
}

/** As many as there are different sets of `target` nodes, at most three. */
function bulkSlots({ nodes, target }: Room): number {
  const writable = nodes.filter((node) => node.writable).length;
  return writable <= target ? 1 : Math.min(mostBulkSegments, writable);
}

function isSameSet(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((node) => b.includes(node));
}
