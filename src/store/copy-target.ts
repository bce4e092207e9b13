/**
 * Where one more copy of a sealed segment goes: the one answer for healing, for moving, and for forecasts of both. A node
 * that holds a copy, good or bad, is never chosen; failure groups that no copy is in come first. Then, moving evens loads,
 * and healing takes where most is free: by load it would fill small nodes that later segments need, and leave room where
 * those lie already (two small nodes of five away while the others filled: one loss in five was not healed whole).
 * The reserve is kept: a disk that copies filled to the brim could neither be cleaned nor mend a copy in place, which
 * writes a new file before the old one goes.
 */
import type { NodeId, SegmentId } from '../core/ids.js';
import { hasRoom, type PlacementNode, place } from './placement.js';

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
  readonly by: 'load' | 'room';
}

/** undefined when no node takes it. */
export function copyTarget({
  segment,
  lengthBytes,
  holders,
  kept,
  nodes,
  reserveBytes,
  by,
}: CopyTargetRequest): NodeId | undefined {
  const groups = new Set(nodes.filter(({ id }) => kept.includes(id)).map(({ group }) => group));
  const others = nodes.filter(({ id }) => !holders.includes(id));
  const choose = (candidates: readonly PlacementNode[]): NodeId | undefined => {
    const nodes = by === 'room' ? withMostRoom(candidates, lengthBytes, reserveBytes) : candidates;
    return place({ segment, copies: 1, segmentBytes: lengthBytes, reserveBytes, nodes })[0];
  };
  return choose(others.filter(({ group }) => !groups.has(group))) ?? choose(others);
}

/** Those that differ by less than one segment; placement decides between them. */
function withMostRoom(nodes: readonly PlacementNode[], lengthBytes: number, reserveBytes: number): PlacementNode[] {
  const roomy = nodes.filter((node) => hasRoom(node, lengthBytes, reserveBytes));
  const most = Math.max(...roomy.map((node) => node.freeBytes - node.openBytes));
  // Before the first probe all that is known is that nothing is known.
  return roomy.filter(
    (node) => most === Number.POSITIVE_INFINITY || node.freeBytes - node.openBytes > most - lengthBytes,
  );
}
