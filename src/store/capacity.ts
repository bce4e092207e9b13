/**
 * How much can still be stored, so that the next loss can be healed, and how much each node keeps back so that cleaning
 * and deleting always work. `status`, the quota properties and the refusal of writes use the one figure.
 */
import type { SafetyParameters } from '../core/safety-parameters.js';

export interface CapacityNode {
  readonly group: string;
  /** Bytes of segments that it holds. */
  readonly usedBytes: number;
  /** Of a node that is away: as last seen; `unknownBytes` when it was not. */
  readonly freeBytes: number;
  /** Takes new data as soon as there is room: online or full. Else it is away, and may come back. */
  readonly writable: boolean;
  /** Nodes with the same one share its free space. */
  readonly fileSystem: string | number;
}

export interface CapacityRequest {
  readonly copies: number;
  /** All that shall hold data: neither draining nor away on purpose. */
  readonly nodes: readonly CapacityNode[];
  /** Kept back on each node: `nodeLimits`. */
  readonly reserveBytes: number;
  /** Bytes of all segments, each once, if all are to have `copies` copies. */
  readonly storedBytes: number;
}

/** Of a node that was never seen here: it is not the one that room lacks on. A number, for infinities do not subtract. */
export const unknownBytes = 2 ** 52;

/** Below this a segment costs more in files and fsyncs than its small size saves. */
const leastSegmentBytes = 4 * 1024 * 1024;
/**
 * Some of the room that a loss leaves is on nodes that hold what was lost already: with two copies next to none, with more
 * some, and most where there are several failure groups and fewer than copies. Found by filling random nodes: with the
 * whole room counted as usable, up to 7 % and 16 % of what was stored could not be healed.
 */
const usableShares = { two: 1, more: 0.92, moreThanGroups: 0.8 };
/** Room kept for a loss is at most the rest; half of all is what the largest of 8, 4, 2, 1, 1 asks for. */
const leastHealableShare = 0.4;
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
 * What can still be stored so that every copy that one loss takes could be made again on the nodes that stay. A node that is
 * away counts as it was, so that the figure does not jump when one leaves: what was kept free for a loss is there to be
 * used by it.
 *
 * It takes for granted that copies are spread as placement spreads them; where disks were added to full ones, or weights
 * are not 1, what each loss would really leave is for `forecastLoss` to say.
 */
export function availableBytes(request: CapacityRequest): number {
  const { copies, nodes, reserveBytes, storedBytes } = request;
  const writable = nodes.filter((node) => node.writable);
  const holderOf = holders(writable, copies);
  const wanted = Math.min(copies, countOf(writable, holderOf));
  if (wanted === 0) return 0;
  const free = writable.map((node) => ({ ...node, usedBytes: 0 }));
  let most = largestFit(wanted, roomsOf(free, holderOf, reserveBytes));
  const fitAfter = fitsOf(request);
  for (const isLost of [...lossesOf(nodes), isAway]) {
    const fits = fitAfter(isLost);
    if (fits === undefined) continue;
    const hasHappened = isLost === isAway;
    const healable = hasHappened ? fits : fits * usableShare(request);
    most = Math.min(most, (healable - storedBytes) * (hasHappened ? 1 : sharedPart(nodes)));
  }
  return Math.max(0, Math.floor(most));
}

/** Whether the volume heals a loss by itself, whichever it is. */
export function healsByItself(request: CapacityRequest): boolean {
  const fitAfter = fitsOf(request);
  return lossesOf(request.nodes).every((isLost) => fitAfter(isLost) !== undefined);
}

type IsLost = (node: CapacityNode) => boolean;

const isAway: IsLost = ({ writable }) => !writable;

/**
 * What can be stored in all by the nodes that stay; undefined when they are not expected to heal the loss: too few are
 * left to hold the copies apart (of two nodes one), or so little room that providing for it would cost most of the volume
 * (of two large disks and a small one a large one). What only a lost node had cannot be made again anyway.
 */
function fitsOf({ copies, nodes, reserveBytes }: CapacityRequest): (isLost: IsLost) => number | undefined {
  if (copies === 1) return () => undefined;
  const holderOf = holders(nodes, copies);
  const whole = largestFit(copies, roomsOf(nodes, holderOf, reserveBytes));
  return (isLost) => {
    const left = nodes.filter((node) => !isLost(node));
    if (countOf(left, holderOf) < copies) return undefined;
    const fits = largestFit(copies, roomsOf(left, holderOf, reserveBytes));
    return fits >= whole * leastHealableShare ? fits : undefined;
  };
}

function usableShare({ copies, nodes }: CapacityRequest): number {
  if (copies <= 2) return usableShares.two;
  const groups = partsOf(nodes).groups.length;
  return groups > 1 && groups < copies ? usableShares.moreThanGroups : usableShares.more;
}

/** On one file system a folder that is lost goes on taking what lies in it: its part of what is saved from now on, too. */
const sharedPart = (nodes: readonly CapacityNode[]): number =>
  partsOf(nodes).fileSystems.length === 1 ? nodes.length / (nodes.length + 1) : 1;

type HolderOf = (node: CapacityNode) => unknown;

/** What holds a segment at most once: a failure group while there are enough of them, else a node. */
function holders(nodes: readonly CapacityNode[], copies: number): HolderOf {
  const byGroup: HolderOf = ({ group }) => group;
  return countOf(nodes, byGroup) >= copies ? byGroup : (node) => node;
}

/** What may be gone at once: a failure group, or a file system; where all lie on one, a node. */
function lossesOf(nodes: readonly CapacityNode[]): IsLost[] {
  const { groups, fileSystems } = partsOf(nodes);
  if (fileSystems.length < 2) return nodes.map((one) => (other: CapacityNode) => one === other);
  const together = groups.length < 2 ? [] : groups;
  return [
    ...together.map((group) => (node: CapacityNode) => node.group === group),
    ...fileSystems.map((fileSystem) => (node: CapacityNode) => node.fileSystem === fileSystem),
  ];
}

function partsOf(nodes: readonly CapacityNode[]) {
  const groups = [...new Set(nodes.map(({ group }) => group))];
  const fileSystems = [...new Set(nodes.map(({ fileSystem }) => fileSystem))];
  return { groups, fileSystems };
}

const countOf = (nodes: readonly CapacityNode[], holderOf: HolderOf): number => new Set(nodes.map(holderOf)).size;

interface Room {
  /** Copies of one segment that it can hold. */
  readonly count: number;
  readonly bytes: number;
}

/** Nodes that share a file system or hold a segment once together are one room. */
function roomsOf(nodes: readonly CapacityNode[], holderOf: HolderOf, reserveBytes: number): Room[] {
  let rooms: CapacityNode[][] = [];
  for (const node of nodes) {
    const belongs = (other: CapacityNode) => other.fileSystem === node.fileSystem || holderOf(other) === holderOf(node);
    const joined = rooms.filter((room) => room.some(belongs));
    rooms = [...rooms.filter((room) => !joined.includes(room)), [...joined.flat(), node]];
  }
  return rooms.map((room) => ({ count: countOf(room, holderOf), bytes: bytesOf(room, reserveBytes) }));
}

function bytesOf(nodes: readonly CapacityNode[], reserveBytes: number): number {
  let bytes = 0;
  for (const fileSystem of new Set(nodes.map((node) => node.fileSystem))) {
    const sharers = nodes.filter((node) => node.fileSystem === fileSystem);
    // Probed at different moments, the shared free space may differ: the smaller figure is the safer one.
    const freeBytes = Math.min(...sharers.map((node) => node.freeBytes));
    const usedBytes = sharers.reduce((sum, node) => sum + node.usedBytes, 0);
    // The same whatever it holds, so that no figure jumps when the last segment goes beyond the line.
    bytes += Math.max(0, usedBytes + freeBytes - sharers.length * reserveBytes);
  }
  return bytes;
}

/**
 * The largest x that fits with `wanted` copies: for which the room usable by x, the sum over rooms of min(bytes, count * x),
 * is at least wanted * x. With the rooms by falling bytes per holder, wherever one draws the line, each holder of the first
 * k rooms holds x at most, and the others must take the remaining copies: x <= their bytes / (wanted - holders of the first
 * k). The tightest of these bounds is reached: draw the line between the rooms that x does not fill and those that it does.
 */
function largestFit(wanted: number, unordered: readonly Room[]): number {
  const rooms = [...unordered].sort((a, b) => b.bytes / b.count - a.bytes / a.count);
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
