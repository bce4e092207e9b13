/** The order in which replicas are asked. */
import type { NodeId } from '../../core/ids.js';
import { isReadable, type NodeState } from '../../node/node-state.js';
import type { StoreNode } from '../store-node.js';
import type { FailedCopy } from './bad-copy.js';

export interface Candidates {
  readonly nodes: readonly StoreNode[];
  /** Replicas that cannot be asked now, or never again. */
  readonly absent: readonly FailedCopy[];
  /** Whether the replica that would be asked first, were all nodes here, is on a node that is away. */
  readonly isFirstAway: boolean;
}

const rank: Record<NodeState, number> = {
  online: 0,
  full: 1,
  'read-only': 1,
  returning: 2,
  suspect: 3,
  offline: 4,
  foreign: 4,
  retired: 4,
};

/**
 * By state, then by latency in powers of two, then spread by `spreadKey`: the same key always asks the same node
 * first (whose system has it cached), different keys different ones.
 */
export function orderCandidates(
  replicas: readonly NodeId[],
  known: readonly StoreNode[],
  spreadKey: string,
): Candidates {
  const nodes: StoreNode[] = [];
  const absent: FailedCopy[] = [];
  for (const id of new Set(replicas)) {
    const node = known.find((candidate) => candidate.id === id);
    if (node && isReadable(node.state)) nodes.push(node);
    else absent.push(absence(id, node));
  }
  const spread = new Map([...new Set(replicas)].map((id) => [id, spreadHash(`${spreadKey}/${id}`)]));
  nodes.sort(
    (a, b) =>
      rank[a.state] - rank[b.state] ||
      latencyClass(a) - latencyClass(b) ||
      spread.get(a.id)! - spread.get(b.id)! ||
      (a.id < b.id ? -1 : 1),
  );
  const away = absent.filter(({ problem }) => problem === 'unreachable').map(({ node }) => spread.get(node)!);
  const isFirstAway = nodes.length > 0 && away.some((hash) => nodes.every(({ id }) => hash < spread.get(id)!));
  return { nodes, absent, isFirstAway };
}

/**
 * The same with the second replica first, where it is about as good: now and then a read takes this way, so that a copy
 * that the order never chooses does not rot unseen.
 */
export function preferOther(candidates: Candidates): Candidates {
  const [first, second, ...others] = candidates.nodes;
  if (!first || !second || rank[first.state] !== rank[second.state]) return candidates;
  if (Math.abs(latencyClass(first) - latencyClass(second)) > 1) return candidates;
  return { ...candidates, nodes: [second, first, ...others] };
}

function absence(node: NodeId, known: StoreNode | undefined): FailedCopy {
  if (!known || known.state === 'retired') return { node, problem: 'retired', message: 'the node was given up' };
  return { node, problem: 'unreachable', message: `the node is ${known.state}` };
}

/** Below a millisecond all are alike. */
function latencyClass({ latencyMs }: StoreNode): number {
  return latencyMs <= 1 ? 0 : Math.ceil(Math.log2(latencyMs));
}

/** FNV-1a over a short key: cheap, and good enough to spread. */
function spreadHash(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
