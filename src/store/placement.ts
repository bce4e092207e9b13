/**
 * Placement: which nodes hold a segment. A pure function of the segment's id and the node table; its result is
 * recorded, so changing this function moves nothing that exists.
 *
 * Failure groups come first, then the lowest load, then weighted rendezvous hashing. The load of a node is what it holds
 * over its share, (used + open) / (weight x size): by itself every node is filled to the same level, and a weight is for
 * those who want it otherwise. Rendezvous alone does not follow weights once copies must differ, so it only breaks ties:
 * nodes whose loads lie within one segment of each other count as equally loaded.
 */
import { createHash } from 'node:crypto';
import type { NodeId, SegmentId } from '../core/ids.js';

export interface PlacementNode {
  readonly id: NodeId;
  readonly group: string;
  /** Above 0; multiplies the size. */
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
 * Up to `copies` different nodes: as many failure groups as can be had, then further nodes of groups already used, in
 * rounds. In turn the least loaded one, and the largest of those that are hardly more loaded: so small nodes are paired with
 * large ones. Two small ones together would leave the room on a large one useless when the other large one is lost, for
 * what is to be healed then lies on it already (with two nodes of 1000 and two of 300, for a tenth of it).
 * Fewer than `copies` when fewer have room; the caller decides whether that will do.
 */
export function place(request: PlacementRequest): NodeId[] {
  let candidates = rank(request);
  // Hardly: what one segment means to the smallest of them.
  const tolerance = 1 / Math.min(...candidates.map(({ share }) => share));
  const chosen: Candidate[] = [];
  let groups = new Set<string>();
  while (chosen.length < request.copies && candidates.length > 0) {
    const eligible = candidates.filter(({ node }) => !groups.has(node.group));
    if (eligible.length === 0) {
      groups = new Set();
      continue;
    }
    const next = chosen.length % 2 === 0 ? eligible[0]! : largestOf(eligible, chosen[0]!.load + tolerance);
    chosen.push(next);
    groups.add(next.node.group);
    candidates = candidates.filter((candidate) => candidate !== next);
  }
  return chosen.map(({ node }) => node.id);
}

export function hasRoom(node: PlacementNode, segmentBytes: number, reserveBytes: number): boolean {
  return node.writable && node.freeBytes - node.openBytes >= segmentBytes + reserveBytes;
}

/** Parts of the whole that nodes should hold, in any unit. While the size of one is not known, by weights alone. */
export function shares(nodes: readonly Pick<PlacementNode, 'weight' | 'sizeBytes'>[]): number[] {
  const isKnown = nodes.every(({ sizeBytes = Number.POSITIVE_INFINITY }) => sizeBytes < Number.POSITIVE_INFINITY);
  return nodes.map(({ weight, sizeBytes }) => weight * (isKnown ? Math.max(1, sizeBytes!) : 1));
}

interface Candidate {
  readonly node: PlacementNode;
  /** Of the largest one's; and of its failure group together. */
  readonly share: number;
  readonly groupShare: number;
  /** In whole segments of the node with the largest share, so that smaller differences are ties. */
  readonly load: number;
  readonly score: number;
}

/** Those with room, by load; ties as rendezvous hashing says. */
function rank({ segment, nodes, segmentBytes, reserveBytes }: PlacementRequest): Candidate[] {
  const candidates = nodes.filter((node) => hasRoom(node, segmentBytes, reserveBytes));
  const parts = shares(candidates);
  const largest = Math.max(...parts);
  const together = new Map<string, number>();
  for (const [index, { group }] of candidates.entries()) {
    together.set(group, (together.get(group) ?? 0) + parts[index]! / largest);
  }
  const ranked = candidates.map((node, index) => ({
    node,
    share: parts[index]! / largest,
    groupShare: together.get(node.group)!,
    load: Math.floor(((node.usedBytes + node.openBytes) * largest) / (parts[index]! * segmentBytes)),
    score: rendezvousScore(segment, node.id, parts[index]! / largest),
  }));
  return ranked.sort((a, b) => a.load - b.load || b.score - a.score || (a.node.id < b.node.id ? -1 : 1));
}

/** Of the first failure group, by size, whose least loaded candidate has at most this load; `candidates` are by load. */
function largestOf(candidates: readonly Candidate[], mostLoad: number): Candidate {
  const near = candidates.filter(({ load }) => load <= mostLoad);
  return near.reduce((best, next) => (next.groupShare > best.groupShare ? next : best), near[0] ?? candidates[0]!);
}

/** Weighted rendezvous hashing: the highest score wins, each node in proportion to its share. */
export function rendezvousScore(segment: SegmentId, node: NodeId, share: number): number {
  const digest = createHash('sha256').update(segment).update('/').update(node).digest();
  // 48 bits, shifted by a half: never exactly 0 or 1, whose logarithms would not be usable.
  const uniform = (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
  return -share / Math.log(uniform);
}
