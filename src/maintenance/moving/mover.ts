/**
 * Moves copies between nodes: off those that are being emptied, by itself as soon as a node's role is `draining`; and to
 * even loads, when a person asks for it. A copy is made from verified records and journaled by `relocate`; the file that
 * is not needed any more goes through the gate when its node's listing is compared. What fails is parked with its reason
 * and tried again later. Nothing is remembered: what is left to do is in the index.
 */
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { MovePlan } from './move-plan.js';

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
