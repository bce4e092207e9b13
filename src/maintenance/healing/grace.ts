/**
 * Which nodes count as lost. A node that is away may be back in a minute, so its copies are made elsewhere only after a
 * grace, which is shorter the more nodes are away: then fewer copies remain. What the operator said of it goes before.
 */
import type { NodeId } from '../../core/ids.js';
import { countsAsCopy, isReadable } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';

export type Absence =
  /** It has the grace. */
  | 'unexplained'
  /** Unplugged on purpose and back soon: it is waited for. */
  | 'excused'
  /** It is not waited for. */
  | 'given-up';

type GraceHost = Pick<MaintenanceHost, 'nodes' | 'clock' | 'safety' | 'reader' | 'absenceOf'>;

/** Nodes whose copies do not count any more: retired ones, and those away for longer than the grace. */
export function lostNodes(host: GraceHost): NodeId[] {
  const nodes = new Map(host.nodes().map((node) => [node.id, node]));
  const known = host.reader.nodes().filter(({ id, role }) => role === 'retired' || !nodes.has(id));
  const away = awayNodes(host).filter((node) => graceOf(host, node) <= 0);
  return [...new Set([...known, ...away].map((node) => node.id))].sort();
}

/** Lost nodes, and those that are away on purpose: no copy there is one of those that the volume wants. */
export function uncountedNodes(host: GraceHost): NodeId[] {
  const elsewhere = host.nodes().filter((node) => !countsAsCopy(node));
  return [...new Set([...lostNodes(host), ...elsewhere.map((node) => node.id)])].sort();
}

/** Milliseconds until the first grace is over; null when none runs. */
export function graceLeftMs(host: GraceHost): number | null {
  const left = awayNodes(host)
    .map((node) => graceOf(host, node))
    .filter((leftMs) => leftMs > 0);
  return left.length > 0 ? Math.min(...left) : null;
}

/** Those that should be here. */
function awayNodes(host: GraceHost): MaintenanceNode[] {
  return host
    .nodes()
    .filter((node) => countsAsCopy(node) && !isReadable(node.state) && host.absenceOf?.(node.id) !== 'excused');
}

function graceOf(host: GraceHost, node: MaintenanceNode): number {
  if (host.absenceOf?.(node.id) === 'given-up') return 0;
  const graceMs = host.safety.healGraceMs / Math.max(1, awayNodes(host).length);
  return graceMs - (host.clock.now() - node.since);
}
