/**
 * Which copies move, from where to where. Pure; what comes of it is journaled move by move, so a plan is never kept: the
 * next one begins from what the index says then.
 *
 * Drain: every copy leaves the nodes that are being emptied. Rebalance: first copies that share a failure group while
 * another could have one, then copies from nodes above their share to nodes below it, until all are within one segment.
 */
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { ForecastNode, ForecastSegment } from '../../store/loss-forecast.js';

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
  readonly wantedCopies: (segment: S) => number;
  /** Length limit of a segment. */
  readonly segmentBytes: number;
  readonly reserveBytes: number;
}
