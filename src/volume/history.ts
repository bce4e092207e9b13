/**
 * Decides what the history of a volume is, from the epochs and batches that the index and the present nodes know. Pure.
 *
 * Rules (design: the newest epoch decides, one present member is enough): epochs are compared by descent, never by
 * size; the longest valid chain among the newest epoch's present members is the history; a batch that is complete
 * there is accepted even if it was never acknowledged (harmless), and what lies beyond the chain elsewhere is not part
 * of it. When two epochs descend from the same one and nothing tells which of them was served, it refuses.
 */
import { DriveError } from '../core/errors.js';
import type { EpochId, NodeId } from '../core/ids.js';
import type { EpochRow, Tip } from '../meta/rows.js';
import { genesisHash } from '../segment/journal-batch.js';
import type { BatchHead } from '../store/journal/journal-reader.js';

/** An epoch with the hash of its own batch. */
export interface EpochRecord extends EpochRow {
  readonly hash: string;
  readonly supersedes: readonly EpochId[];
}

export interface NodeHistory {
  readonly node: NodeId;
  readonly heads: readonly BatchHead[];
  readonly epochs: readonly EpochRecord[];
}

export interface HistoryInput {
  /** The index's last batch; undefined when there is no index. */
  readonly tip: Tip | undefined;
  readonly knownEpochs: readonly EpochRow[];
  /** Heads of the batches that the index still keeps, oldest first. */
  readonly keptHeads: readonly Pick<BatchHead, 'sequence' | 'previousSequence' | 'hash' | 'previousHash' | 'epoch'>[];
  readonly nodes: readonly NodeHistory[];
}

export type ChainLink = Pick<BatchHead, 'sequence' | 'previousSequence' | 'hash' | 'previousHash' | 'epoch'>;

export interface History {
  readonly epoch: EpochRow;
  readonly tip: Tip;
  /** Every link known, from the oldest one reachable to the tip. */
  readonly chain: readonly ChainLink[];
  /** True when the index's tip stands on the chain. */
  readonly indexOnChain: boolean;
  readonly positions: ReadonlyMap<NodeId, NodePosition>;
}

/** Where a node's journal stands: `sequence` 0 when it has nothing of this history. */
export type NodePosition =
  | { readonly kind: 'on-chain'; readonly sequence: number; readonly hash: string }
  /** It holds batches that are not part of the history and may have been acknowledged elsewhere. */
  | { readonly kind: 'forked'; readonly sequence: number; readonly beyond: number };

/** UNAVAILABLE when no member of the newest epoch is present or the newest epoch cannot be told. */
export function decideHistory(input: HistoryInput): History | undefined {
  const epochs = new Map<EpochId, EpochRow>(input.knownEpochs.map((epoch) => [epoch.id, epoch]));
  for (const node of input.nodes) for (const epoch of node.epochs) epochs.set(epoch.id, epoch);
  if (epochs.size === 0) return undefined;

  const newest = newestEpoch(epochs, input);
  const members = input.nodes.filter((node) => newest.members.includes(node.node));
  if (members.length === 0) throw noMemberPresent(newest);

  const links = new Map<string, ChainLink>();
  for (const head of input.keptHeads) links.set(head.hash, head);
  for (const node of input.nodes) for (const head of node.heads) links.set(head.hash, head);

  const tip = longestTip(newest, members, input);
  const chain = walkBack(tip, links);
  const onChain = new Set(chain.map((link) => link.hash));
  onChain.add(chain[0]?.previousHash ?? genesisHash);
  const indexOnChain = input.tip !== undefined && (onChain.has(input.tip.hash) || input.tip.hash === tip.hash);
  const positions = new Map(input.nodes.map((node) => [node.node, positionOf(node, chain, epochs)]));
  return { epoch: newest, tip, chain, indexOnChain, positions };
}

/** The leaf of the tree of epochs; among several the one that the index serves or that was completed. */
function newestEpoch(epochs: ReadonlyMap<EpochId, EpochRow>, input: HistoryInput): EpochRow {
  const parents = new Set<EpochId | null>([...epochs.values()].map((epoch) => epoch.parent));
  for (const node of input.nodes) for (const epoch of node.epochs) for (const id of epoch.supersedes) parents.add(id);
  let leaves = [...epochs.values()].filter((epoch) => !parents.has(epoch.id));
  const served = input.tip?.epoch;
  if (served !== undefined) leaves = leaves.filter((leaf) => descends(leaf, served, epochs));
  if (leaves.length > 1) {
    // An epoch that does not lie on all of its present members never acknowledged anything: its record comes first.
    const complete = leaves.filter((leaf) => isComplete(leaf, input.nodes));
    if (complete.length === 1) leaves = complete;
  }
  if (leaves.length !== 1) {
    throw new DriveError('UNAVAILABLE', {
      message: 'the nodes hold histories that went apart, and nothing here tells which of them was served last',
      details: { epochs: leaves.map((leaf) => leaf.id) },
      hint: 'plug in the other disks of this volume and open it again',
    });
  }
  return leaves[0]!;
}

function descends(epoch: EpochRow, ancestor: EpochId, epochs: ReadonlyMap<EpochId, EpochRow>): boolean {
  let current: EpochRow | undefined = epoch;
  while (current) {
    if (current.id === ancestor) return true;
    current = current.parent === null ? undefined : epochs.get(current.parent);
  }
  return false;
}

function isComplete(epoch: EpochRow, nodes: readonly NodeHistory[]): boolean {
  return nodes
    .filter((node) => epoch.members.includes(node.node))
    .every((node) => node.epochs.some((known) => known.id === epoch.id));
}

function noMemberPresent(epoch: EpochRow): DriveError {
  return new DriveError('READ_ONLY', {
    message: 'no disk that holds the newest changes is present',
    details: { members: epoch.members },
    hint: `plug in one of the nodes ${epoch.members.join(', ')} and open the volume again`,
  });
}

/** End of the longest chain of the epoch among its present members; the index's own tip counts as a witness. */
function longestTip(epoch: EpochRow, members: readonly NodeHistory[], input: HistoryInput): Tip {
  let best: Tip | undefined = input.tip?.epoch === epoch.id ? input.tip : undefined;
  let ofNodes: Tip | undefined;
  for (const member of members) {
    const tip = tipInEpoch(epoch, member.heads);
    if (tip && (ofNodes === undefined || tip.sequence > ofNodes.sequence)) ofNodes = tip;
  }
  if (ofNodes && (best === undefined || ofNodes.sequence >= best.sequence)) best = ofNodes;
  if (best === undefined) throw noMemberPresent(epoch);
  return best;
}

/** Follows previousHash from the epoch's own batch; files may hold later openings' batches in any order. */
function tipInEpoch(epoch: EpochRow, heads: readonly BatchHead[]): Tip | undefined {
  const next = new Map<string, BatchHead>();
  let current: BatchHead | undefined;
  for (const head of heads) {
    if (head.epoch !== epoch.id) continue;
    if (head.epochOperations !== null || current === undefined) current ??= head;
    if (head.epochOperations === null) next.set(head.previousHash, head);
  }
  if (current === undefined) return undefined;
  for (let following = next.get(current.hash); following; following = next.get(current.hash)) current = following;
  return { sequence: current.sequence, hash: current.hash, epoch: epoch.id };
}

function walkBack(tip: Tip, links: ReadonlyMap<string, ChainLink>): ChainLink[] {
  const chain: ChainLink[] = [];
  for (let link = links.get(tip.hash); link; link = links.get(link.previousHash)) chain.push(link);
  return chain.reverse();
}

/** Where a node's journal stands against the chain. */
export function positionOf(
  node: NodeHistory,
  chain: readonly ChainLink[],
  epochs: ReadonlyMap<EpochId, EpochRow>,
): NodePosition {
  const hashes = new Map(chain.map((link) => [link.hash, link.sequence]));
  const base = chain[0];
  if (base) hashes.set(base.previousHash, base.previousSequence);
  let sequence = 0;
  let hash = genesisHash;
  const beyond: BatchHead[] = [];
  for (const head of node.heads) {
    const known = hashes.get(head.hash);
    if (known === undefined) {
      if (base === undefined || head.sequence > base.previousSequence) beyond.push(head);
    } else if (known > sequence) {
      sequence = known;
      hash = head.hash;
    }
  }
  const foreign = beyond.filter((head) => mayBeAcknowledged(head, beyond, epochs));
  if (foreign.length > 0) return { kind: 'forked', sequence, beyond: foreign.length };
  return { kind: 'on-chain', sequence, hash };
}

/**
 * At most one unacknowledged batch is ever in a journal, and an epoch's own batch acknowledges nothing by itself. So a
 * single last batch beyond the chain was left behind by a crash, unless its node was the epoch's only member.
 */
function mayBeAcknowledged(
  head: BatchHead,
  beyond: readonly BatchHead[],
  epochs: ReadonlyMap<EpochId, EpochRow>,
): boolean {
  if (head.epochOperations !== null) return false;
  if (beyond.some((other) => other.previousHash === head.hash && other.epochOperations === null)) return true;
  return epochs.get(head.epoch)?.members.length === 1;
}
