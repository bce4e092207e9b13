/** Which copies stay when a segment has more than it needs. Pure. */
import type { NodeId } from '../../core/ids.js';
import type { SegmentRow } from '../../meta/rows.js';
import { countsAsCopy, isReadable, type StoreNode } from '../../store/store-node.js';

/**
 * Good copies on nodes that are here: in different failure groups as far as that goes, on nodes that are not being
 * emptied, with much room. Copies on nodes that are away on purpose stay beside them. undefined when there is none to
 * spare, or fewer are to be had than shall stay.
 */
export function chooseKept(
  row: Pick<SegmentRow, 'replicas'>,
  replicas: number,
  nodes: readonly StoreNode[],
): NodeId[] | undefined {
  const known = new Map(nodes.map((node) => [node.id, node]));
  const isElsewhere = (id: NodeId) => known.get(id)?.role === 'away';
  const counted = row.replicas.filter(({ node }) => !isElsewhere(node));
  const good = counted
    .filter(({ state }) => state === 'good')
    .flatMap(({ node }) => known.get(node) ?? [])
    .filter((node) => isReadable(node.state) && countsAsCopy(node))
    .sort((a, b) => Number(a.role !== 'active') - Number(b.role !== 'active') || freeShare(b) - freeShare(a));
  if (counted.length <= replicas || good.length < replicas) return undefined;
  const kept: StoreNode[] = [];
  for (const node of good) if (!kept.some(({ group }) => group === node.group)) kept.push(node);
  kept.push(...good.filter((node) => !kept.includes(node)));
  const elsewhere = row.replicas.filter(({ node }) => isElsewhere(node));
  return [...kept.slice(0, replicas), ...elsewhere].map((copy) => ('node' in copy ? copy.node : copy.id));
}

const freeShare = ({ space }: StoreNode): number => (space ? space.freeBytes / Math.max(1, space.totalBytes) : 0);
