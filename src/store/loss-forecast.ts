/**
 * What the loss of some nodes would mean now: which segments could not be read, which would have one copy, and what
 * healing could make of it. It runs the healing that would follow, on figures: fewest good copies first, one copy at a
 * time, each where `copyTarget` puts it. Pure; the names of the files are for the caller to find.
 */
import type { NodeId, SegmentId } from '../core/ids.js';
import { copyTarget } from './copy-target.js';
import type { PlacementNode } from './placement.js';

/** As the index knows it. */
export interface ForecastSegment {
  readonly id: SegmentId;
  readonly lengthBytes: number;
  readonly replicas: readonly { readonly node: NodeId; readonly state: string }[];
}

export interface ForecastNode extends PlacementNode {
  /** Its copies can be read now, and count. */
  readonly readable: boolean;
  /** Nodes with the same one share its free space; default: none does. */
  readonly fileSystem?: string;
}

export interface LossForecastInput<S extends ForecastSegment> {
  /** Sealed segments in which something lives. */
  readonly segments: Iterable<S>;
  readonly nodes: readonly ForecastNode[];
  /** The nodes that would go. */
  readonly lost: readonly NodeId[];
  readonly wantedCopies: (segment: S) => number;
  readonly reserveBytes: number;
}

export interface LossForecast {
  /** No good copy would be left. */
  readonly unreadable: readonly SegmentId[];
  /** One good copy would be left, though more are wanted. */
  readonly single: readonly SegmentId[];
  /** Copies that healing would make, and where. */
  readonly copies: readonly ForecastCopy[];
  readonly copyBytes: number;
  /** Readable, and fewer copies than wanted even after healing: no node has room for them. */
  readonly unhealed: readonly SegmentId[];
}

export interface ForecastCopy {
  readonly segment: SegmentId;
  readonly node: NodeId;
  readonly bytes: number;
}

interface Wound {
  readonly id: SegmentId;
  readonly lengthBytes: number;
  readonly wanted: number;
  readonly holders: NodeId[];
  readonly good: NodeId[];
  /** Copies that are mended where they lie. */
  readonly mendable: NodeId[];
}

export function forecastLoss<S extends ForecastSegment>(input: LossForecastInput<S>): LossForecast {
  const remaining = input.nodes.filter(({ id }) => !input.lost.includes(id)).map((node) => ({ ...node }));
  const wounds = woundsOf(input, remaining);
  const unreadable = wounds.filter(({ good }) => good.length === 0);
  const single = wounds.filter(({ good, wanted }) => good.length === 1 && wanted > 1);
  const copies = heal(wounds, remaining, input.reserveBytes);
  return {
    unreadable: ids(unreadable),
    single: ids(single),
    copies,
    copyBytes: copies.reduce((sum, { bytes }) => sum + bytes, 0),
    unhealed: ids(wounds.filter(({ good, wanted }) => good.length > 0 && good.length < wanted)),
  };
}

/** Milliseconds that the copying takes at this many bytes a second. */
export function healingMs({ copyBytes }: Pick<LossForecast, 'copyBytes'>, bytesPerSecond: number): number {
  return Math.ceil((copyBytes / bytesPerSecond) * 1000);
}

/** Segments with fewer good copies than wanted. */
function woundsOf<S extends ForecastSegment>(input: LossForecastInput<S>, remaining: readonly ForecastNode[]): Wound[] {
  const readable = new Set(remaining.filter((node) => node.readable).map(({ id }) => id));
  const writable = new Set(remaining.filter((node) => node.writable).map(({ id }) => id));
  const wounds: Wound[] = [];
  for (const segment of input.segments) {
    const good = segment.replicas.filter(({ node, state }) => state === 'good' && readable.has(node));
    const wanted = input.wantedCopies(segment);
    if (good.length >= wanted) continue;
    const { id, lengthBytes, replicas } = segment;
    const bad = replicas.filter(({ node, state }) => state !== 'good' && writable.has(node));
    const [holders, goodOnes, mendable] = [replicas, good, bad].map((copies) => copies.map(({ node }) => node));
    wounds.push({ id, lengthBytes, wanted, holders: holders!, good: goodOnes!, mendable: mendable! });
  }
  return wounds;
}

/** One copy for each of those with the fewest, then for those with one more; a bad copy is written anew in its place. */
function heal(wounds: readonly Wound[], nodes: MutableNode[], reserveBytes: number): ForecastCopy[] {
  const copies: ForecastCopy[] = [];
  const most = wounds.reduce((count, { wanted }) => Math.max(count, wanted), 0);
  for (let fewest = 1; fewest < most; fewest += 1) {
    const endangered = wounds.filter(({ good, wanted }) => good.length === fewest && good.length < wanted);
    for (const wound of endangered.sort((a, b) => (a.id < b.id ? -1 : 1))) {
      const { id: segment, lengthBytes, holders, good, mendable } = wound;
      const mended = mendable.shift();
      const node = mended ?? copyTarget({ segment, lengthBytes, holders, kept: good, nodes, reserveBytes, by: 'room' });
      if (node === undefined) continue;
      good.push(node);
      if (node !== mended) {
        holders.push(node);
        putOn(nodes, node, lengthBytes);
      }
      copies.push({ segment, node, bytes: lengthBytes });
    }
  }
  return copies;
}

type MutableNode = { -readonly [K in keyof ForecastNode]: ForecastNode[K] };

/** The figures after a copy was put on a node: nodes on its file system have less room too. */
export function putOn(nodes: readonly MutableNode[], id: NodeId, bytes: number): void {
  const holder = nodes.find((node) => node.id === id)!;
  holder.usedBytes += bytes;
  for (const node of nodes) {
    const shares = node === holder || (node.fileSystem !== undefined && node.fileSystem === holder.fileSystem);
    if (shares) node.freeBytes -= bytes;
  }
}

const ids = (wounds: readonly Wound[]): SegmentId[] => wounds.map(({ id }) => id);
