/** The nodes as placement sees them: one table for writing, healing, moving and for forecasts. */
import type { NodeId } from '../core/ids.js';
import type { PlacementNode } from './placement.js';
import { type StoreNode, takesNewData } from './store-node.js';

/** `device`: of its file system, where the platform tells. */
export type TableNode = StoreNode & {
  readonly device?: number | undefined;
};

/**
 * Which nodes share free space: those on the same device. Quotas give folders of one device sizes of their own, and
 * then what one of them takes is not taken from the others.
 */
export function fileSystemOf({ id, device, space }: Pick<TableNode, 'id' | 'device' | 'space'>): string {
  return device === undefined ? id : `${device}/${space?.totalBytes ?? id}`;
}

/** `usedBytes`: of the segments that a node holds. Nothing is promised to open segments. */
export function placementTable(
  nodes: readonly TableNode[],
  usedBytes: (node: NodeId) => number,
): (PlacementNode & { readonly fileSystem: string })[] {
  const sharers = new Map<string, number>();
  for (const node of nodes) sharers.set(fileSystemOf(node), (sharers.get(fileSystemOf(node)) ?? 0) + 1);
  return nodes.map((node) => {
    const fileSystem = fileSystemOf(node);
    // Before the first probe nothing is known: the write itself tells.
    const freeBytes = node.space?.freeBytes ?? Number.POSITIVE_INFINITY;
    const used = usedBytes(node.id);
    return {
      id: node.id,
      group: node.group,
      weight: node.weight,
      usedBytes: used,
      openBytes: 0,
      freeBytes,
      sizeBytes: used + freeBytes / sharers.get(fileSystem)!,
      writable: takesNewData(node),
      fileSystem,
    };
  });
}
