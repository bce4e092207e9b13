/** What `quota-available-bytes` and `status` say, and what new files are refused by (store/capacity.ts). */
import type { Clock } from '../core/clock.js';
import type { NodeId } from '../core/ids.js';
import type { MetaReader } from '../meta/meta-store.js';
import { availableBytes, type CapacityRequest, healsByItself, unknownBytes } from '../store/capacity.js';
import { fileSystemOf } from '../store/placement-table.js';
import { countsAsCopy } from '../store/store-node.js';
import type { SegmentStore } from '../store/write/segment-store.js';
import type { EngineNode } from './engine-node.js';
import type { SpaceReport } from './volume.js';

export interface SpaceInput {
  readonly reader: MetaReader;
  readonly segments: SegmentStore;
  readonly nodes: readonly EngineNode[];
  readonly copies: number;
  /** Bytes that wait in a node's attic: free as soon as they are needed. */
  readonly atticBytes: (node: NodeId) => number;
}

export function reportSpace({ reader, segments, nodes, copies, atticBytes }: SpaceInput): SpaceReport {
  const { reserveBytes, segmentBytes } = segments.limits();
  const { logicalBytes, storedBytes } = reader.counts();
  const used = new Map(reader.nodes().map((row) => [row.id, row.usedBytes]));
  // Where folders want numbers of their own, as many bytes as the copies that there are make in the volume's number.
  const held = nodes.reduce((sum, { id, role }) => sum + (countsAsCopy({ role }) ? (used.get(id) ?? 0) : 0), 0);
  const isHere = ({ state, isLeaving }: EngineNode) => (state === 'online' || state === 'full') && !isLeaving;
  const request: CapacityRequest = {
    copies,
    storedBytes: reader.hasProtection() ? held / copies : storedBytes,
    // A new segment is begun only where a whole one fits beside the reserve.
    reserveBytes: reserveBytes + segmentBytes,
    nodes: nodes
      .filter((node) => node.role === 'active' && node.state !== 'retired' && node.state !== 'foreign')
      .map((node) => ({
        group: node.group,
        usedBytes: used.get(node.id) ?? 0,
        freeBytes: node.space ? node.space.freeBytes + atticBytes(node.id) : isHere(node) ? 0 : unknownBytes,
        writable: isHere(node),
        fileSystem: fileSystemOf(node),
      })),
  };
  return {
    availableBytes: availableBytes(request),
    usedBytes: logicalBytes,
    // Asked before every upload, for the room alone.
    get healsByItself() {
      return healsByItself(request);
    },
  };
}

/** More than other programs write to these disks in the meantime. */
const plentyBytes = 1024 ** 3;
const keptMs = 1_000;

/** Whether uploads fit. While there is plenty of room the figure of a second ago will do: it costs six questions to the index. */
export class KnownRoom {
  readonly #clock: Clock;
  readonly #ask: () => number;
  #bytes = 0;
  #untilMs = Number.NEGATIVE_INFINITY;

  /** `ask`: bytes that can be stored now. */
  constructor(clock: Clock, ask: () => number) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** What fits is taken off until the figure is asked for again. */
  fits(bytes: number): boolean {
    const now = this.#clock.monotonic();
    if (now >= this.#untilMs || this.#bytes < bytes + plentyBytes) {
      this.#bytes = this.#ask();
      this.#untilMs = now + keptMs;
    }
    const isFitting = bytes <= this.#bytes;
    if (isFitting) this.#bytes -= bytes;
    return isFitting;
  }
}
