/** What `quota-available-bytes` and `status` say: room that counts only once for each wanted copy, the reserve kept. */
import type { NodeId } from '../core/ids.js';
import type { MetaReader } from '../meta/meta-store.js';
import { availableBytes } from '../store/capacity.js';
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
  const available = availableBytes({
    copies,
    // A new segment is begun only where a whole one fits beside the reserve.
    reserveBytes: reserveBytes + segmentBytes,
    nodes: nodes.map((node) => ({
      freeBytes: node.space ? node.space.freeBytes + atticBytes(node.id) : 0,
      writable: node.role === 'active' && (node.state === 'online' || node.state === 'full'),
      fileSystem: node.device ?? node.id,
    })),
  });
  return { availableBytes: available, usedBytes: reader.counts().logicalBytes };
}
