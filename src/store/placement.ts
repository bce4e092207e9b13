/**
 * Placement: which nodes hold a segment. A pure function of the segment's id and the node table; its result is
 * recorded, so changing this function moves nothing that exists.
 *
 * Failure groups come first, then the lowest (used + open) / weight, then weighted rendezvous hashing. Rendezvous
 * alone does not follow weights once copies must differ, so it only breaks ties: nodes whose loads lie within one
 * segment of each other count as equally loaded.
 */
import { createHash } from 'node:crypto';
import type { NodeId, SegmentId } from '../core/ids.js';

export interface PlacementNode {
  readonly id: NodeId;
  readonly group: string;
  /** Above 0. */
  readonly weight: number;
  /** Bytes of segments that the node holds. */
  readonly usedBytes: number;
  /** Bytes promised to open segments; not yet part of `usedBytes` nor taken from `freeBytes`. */
  readonly openBytes: number;
  readonly freeBytes: number;
  /** What it could hold: used, and its part of what is free. Absent or infinite: not known. */
  readonly sizeBytes?: number;
  readonly writable: boolean;
}

export interface PlacementRequest {
  readonly segment: SegmentId;
  readonly copies: number;
  readonly nodes: readonly PlacementNode[];
  /** The segment's length limit: what a node must have room for beyond the reserve. */
  readonly segmentBytes: number;
  /** Kept back on each node (capacity.ts). */
  readonly reserveBytes: number;
}

/**
 * Up to `copies` different nodes, best first: as many failure groups as can be had, then further nodes of groups
 * already used, in rounds. Fewer than `copies` when fewer have room; the caller decides whether that will do.
 */
export function place(request: PlacementRequest): NodeId[] {
  const candidates = rank(request);
  const chosen: NodeId[] = [];
  while (chosen.length < request.copies && candidates.length > 0) {
    const groups = new Set<string>();
    for (let index = 0; index < candidates.length && chosen.length < request.copies; ) {
      const { id, group } = candidates[index]!;
      if (groups.has(group)) {
        index++;
        continue;
      }
      groups.add(group);
      chosen.push(id);
      candidates.splice(index, 1);
    }
  }
  return chosen;
}

export function hasRoom(node: PlacementNode, segmentBytes: number, reserveBytes: number): boolean {
  return node.writable && node.freeBytes - node.openBytes >= segmentBytes + reserveBytes;
}

function rank({ segment, nodes, segmentBytes, reserveBytes }: PlacementRequest): PlacementNode[] {
  const candidates = nodes.filter((node) => hasRoom(node, segmentBytes, reserveBytes));
  const heaviest = candidates.reduce((weight, node) => Math.max(weight, node.weight), 0);
  const ranked = candidates.map((node) => ({
    node,
    // In whole segments of the heaviest node, so that smaller differences are ties.
    load: Math.floor(((node.usedBytes + node.openBytes) * heaviest) / (node.weight * segmentBytes)),
    score: rendezvousScore(segment, node),
  }));
  ranked.sort((a, b) => a.load - b.load || b.score - a.score || (a.node.id < b.node.id ? -1 : 1));
  return ranked.map(({ node }) => node);
}

/** Weighted rendezvous hashing: the highest score wins, each node in proportion to its weight. */
function rendezvousScore(segment: SegmentId, node: PlacementNode): number {
  const digest = createHash('sha256').update(segment).update('/').update(node.id).digest();
  // 48 bits, shifted by a half: never exactly 0 or 1, whose logarithms would not be usable.
  const uniform = (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
  return -node.weight / Math.log(uniform);
}
