/**
 * Where one more copy of a sealed segment goes: the one answer for healing, for moving, and for forecasts of both. A node
 * that holds a copy, good or bad, is never chosen; failure groups that no copy is in come first, then the lowest load.
 * The reserve is kept: a disk that copies filled to the brim could neither be cleaned nor mend a copy in place, which
 * writes a new file before the old one goes.
 */
import type { NodeId, SegmentId } from '../core/ids.js';
import { type PlacementNode, place } from './placement.js';

export interface CopyTargetRequest {
  readonly segment: SegmentId;
  readonly lengthBytes: number;
  /** Nodes that the index places a copy on, whatever its state. */
  readonly holders: readonly NodeId[];
  /** Those of them whose copies stay and count. */
  readonly kept: readonly NodeId[];
  /** All nodes, also those that take nothing now: their groups are looked up. */
  readonly nodes: readonly PlacementNode[];
  readonly reserveBytes: number;
}

/** undefined when no node takes it. */
export function copyTarget({
  segment,
  lengthBytes,
  holders,
  kept,
  nodes,
  reserveBytes,
}: CopyTargetRequest): NodeId | undefined {
  const groups = new Set(nodes.filter(({ id }) => kept.includes(id)).map(({ group }) => group));
  const others = nodes.filter(({ id }) => !holders.includes(id));
  const request = { segment, copies: 1, segmentBytes: lengthBytes, reserveBytes };
  const [elsewhere] = place({ ...request, nodes: others.filter(({ group }) => !groups.has(group)) });
  return elsewhere ?? place({ ...request, nodes: others })[0];
}
