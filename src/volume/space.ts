/** What `quota-available-bytes` and `status` say: room that counts only once for each wanted copy, the reserve kept. */
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
}

export function reportSpace({ reader, segments, nodes, copies }: SpaceInput): SpaceReport {
  const available = availableBytes({
    copies,
    reserveBytes: segments.limits().reserveBytes,
    nodes: nodes.map((node) => ({
      freeBytes: node.space?.freeBytes ?? 0,
      writable: node.role === 'active' && (node.state === 'online' || node.state === 'full'),
      fileSystem: node.device ?? node.id,
    })),
  });
  return { availableBytes: available, usedBytes: reader.counts().logicalBytes };
}
