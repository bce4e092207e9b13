/** How much can still be stored, and how much each node keeps back so that cleaning and deleting always work. */
import type { SafetyParameters } from '../core/safety-parameters.js';

export interface CapacityNode {
  readonly freeBytes: number;
  /** Takes new data as soon as there is room: online or full. */
  readonly writable: boolean;
  /** Device id of the node's file system: nodes with the same one share its free space. */
  readonly fileSystem: string | number;
}

export interface CapacityRequest {
  readonly copies: number;
  readonly nodes: readonly CapacityNode[];
  /** Kept back on each node: `nodeLimits`. */
  readonly reserveBytes: number;
}

/** Below this a segment costs more in files and fsyncs than its small size saves. */
const leastSegmentBytes = 4 * 1024 * 1024;
/** A segment is at most this share of a node, so that a small node is not filled by a few that are hard to clean. */
const segmentShare = 1 / 64;

export interface NodeLimits {
  /** Length limit of a segment. */
  readonly segmentBytes: number;
  /** Kept back on each node: two segments (one to clean into, one of slack) and journal room. */
  readonly reserveBytes: number;
}

/** `totalBytes`: sizes of the nodes that take new data; those not known yet are left out. */
export function nodeLimits(
  safety: Pick<SafetyParameters, 'segmentLimitBytes' | 'checkpointAfterBytes'>,
  totalBytes: readonly number[],
): NodeLimits {
  const share = Math.max(leastSegmentBytes, Math.floor(Math.min(...totalBytes) * segmentShare));
  const segmentBytes = Math.min(safety.segmentLimitBytes, share);
  // The journal grows to checkpointAfterBytes before a checkpoint shortens it; on small nodes it gets no more than
  // the segments do.
  return { segmentBytes, reserveBytes: 2 * segmentBytes + Math.min(safety.checkpointAfterBytes, 2 * segmentBytes) };
}

/**
 * The largest x that can still be stored with `copies` copies on different nodes: the largest x for which the room
 * usable by x, the sum over file systems of min(free, nodes there * x), is at least copies * x. With fewer writable
 * nodes than copies, each byte goes once to each of them.
 */
export function availableBytes({ copies, nodes, reserveBytes }: CapacityRequest): number {
  const writable = nodes.filter((node) => node.writable);
  const wanted = Math.min(copies, writable.length);
  if (wanted === 0) return 0;
  const fileSystems = new Map<string | number, { nodes: number; freeBytes: number }>();
  for (const { fileSystem, freeBytes } of writable) {
    const known = fileSystems.get(fileSystem);
    // Probed at different moments, the shared free space may differ: the smaller figure is the safer one.
    fileSystems.set(fileSystem, {
      nodes: (known?.nodes ?? 0) + 1,
      freeBytes: Math.min(known?.freeBytes ?? Number.POSITIVE_INFINITY, freeBytes),
    });
  }
  const rooms = [...fileSystems.values()]
    .map(({ nodes: count, freeBytes }) => ({ count, bytes: Math.max(0, freeBytes - count * reserveBytes) }))
    .sort((a, b) => b.bytes / b.count - a.bytes / a.count);
  return largestFit(wanted, rooms);
}

/**
 * `rooms` by falling bytes per node. Wherever one draws the line, each node of the first k rooms holds x at most, and
 * the others must take the remaining copies: x <= their bytes / (wanted - nodes of the first k). The tightest of these
 * bounds is reached: draw the line between the rooms that x does not fill and those that it does.
 */
function largestFit(wanted: number, rooms: readonly { count: number; bytes: number }[]): number {
  let remaining = rooms.reduce((sum, room) => sum + room.bytes, 0);
  let copies = wanted;
  let best = Number.POSITIVE_INFINITY;
  for (const { count, bytes } of rooms) {
    if (copies <= 0) break;
    best = Math.min(best, remaining / copies);
    remaining -= bytes;
    copies -= count;
  }
  return Math.floor(best);
}
