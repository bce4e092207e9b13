/**
 * Decides what the history of a volume is, from the epochs and batches that the index and the present nodes know. Pure.
 *
 * Rules (design: the newest epoch decides, one present member is enough): epochs are compared by descent, never by
 * size; the longest valid chain among the newest epoch's present members is the history; a batch that is complete
 * there is accepted even if it was never acknowledged (harmless), and what lies beyond the chain elsewhere is not part
 * of it. When two epochs descend from the same one and nothing tells which of them was served, it refuses.
 */
import { DriveError } from '../../core/errors.js';
import type { EpochId, NodeId } from '../../core/ids.js';
import type { EpochRow, Tip } from '../../meta/rows.js';
import { genesisHash } from '../../segment/journal-batch.js';
import type { BatchHead, DamagedJournalFile } from '../../store/journal/journal-reader.js';
import { mayHideBatches } from './hidden-batches.js';

/** An epoch with the hash of its own batch. */
export interface EpochRecord extends EpochRow {
  readonly hash: string;
  readonly supersedes: readonly EpochId[];
}

export interface NodeHistory {
  readonly node: NodeId;
  readonly heads: readonly BatchHead[];
  readonly epochs: readonly EpochRecord[];
  readonly damagedFiles?: readonly DamagedJournalFile[];
}

export interface HistoryInput {
  /** The index's last batch; undefined when there is no index. */
  readonly tip: Tip | undefined;
  readonly knownEpochs: readonly EpochRow[];
  /** Heads of the batches that the index still keeps, oldest first. */
  readonly keptHeads: readonly Pick<BatchHead, 'sequence' | 'previousSequence' | 'hash' | 'previousHash' | 'epoch'>[];
  readonly nodes: readonly NodeHistory[];
  /** With no member of the newest epoch here, go by what the others followed: only when each member is given up. */
  readonly acceptsFollowers?: boolean | undefined;
  /** What people call a node. Default: its id. */
  readonly nameOf?: ((node: NodeId) => string) | undefined;
}

export type ChainLink = Pick<BatchHead, 'sequence' | 'previousSequence' | 'hash' | 'previousHash' | 'epoch'>;

export interface History {
  readonly epoch: EpochRow;
  /** Epochs without a successor that the history does not stand on: the next epoch names them, so that they never compete again. */
  readonly dead: readonly EpochId[];
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

  const { newest, dead } = newestEpoch(epochs, input);
  const present = input.nodes.filter((node) => newest.members.includes(node.node));
  const members = present.length === 0 && input.acceptsFollowers ? input.nodes : present;
  if (members.length === 0) throw noMemberPresent(newest, input);

  const links = new Map<string, ChainLink>();
  for (const head of input.keptHeads) links.set(head.hash, head);
  for (const node of input.nodes) for (const head of node.heads) links.set(head.hash, head);

  const tip = longestTip(newest, members, input);
  const chain = walkBack(tip, links);
  demandWholeMember({ newest, members, epochs, chain }, input);
  const onChain = new Set(chain.map((link) => link.hash));
  onChain.add(chain[0]?.previousHash ?? genesisHash);
  const indexOnChain = input.tip !== undefined && (onChain.has(input.tip.hash) || input.tip.hash === tip.hash);
  const known = chain.length > 0 ? chain : [{ ...tip, previousSequence: tip.sequence, previousHash: tip.hash }];
  const positions = new Map(input.nodes.map((node) => [node.node, positionOf(node, known, epochs)]));
  return { epoch: newest, dead, tip, chain, indexOnChain, positions };
}

/** The leaf of the tree of epochs: among those that descend from what the index serves, the one that may have served clients. */
function newestEpoch(
  epochs: ReadonlyMap<EpochId, EpochRow>,
  input: HistoryInput,
): { newest: EpochRow; dead: readonly EpochId[] } {
  const parents = new Set<EpochId | null>([...epochs.values()].map((epoch) => epoch.parent));
  for (const node of input.nodes) for (const epoch of node.epochs) for (const id of epoch.supersedes) parents.add(id);
  const all = [...epochs.values()].filter((epoch) => !parents.has(epoch.id));
  const served = input.tip?.epoch;
  const leaves = served === undefined ? all : all.filter((leaf) => ancestorsOf(leaf.id, epochs).has(served));
  const newest = leaves.length > 1 ? chooseLeaf(leaves, epochs, input) : leaves[0];
  if (!newest) {
    throw new DriveError('UNAVAILABLE', {
      message: 'the nodes hold histories that went apart, and nothing here tells which of them was served last',
      details: { epochs: leaves.map((leaf) => leaf.id) },
      hint: 'plug in the other disks of this volume and open it again',
    });
  }
  return { newest, dead: all.filter((leaf) => leaf !== newest).map((leaf) => leaf.id) };
}

/**
 * Several leaves are left by openings that crashed before their epoch was complete; no batch leaves before the epoch's
 * own record is on all its members and in the index. So where nothing was saved since the leaves went apart, nothing is
 * lost by leaving it. (That a record lies on all its members that are here proves nothing: its only member may have
 * crashed before the index knew.) undefined when two of them may have saved something.
 */
function chooseLeaf(
  leaves: readonly EpochRow[],
  epochs: ReadonlyMap<EpochId, EpochRow>,
  input: HistoryInput,
): EpochRow | undefined {
  const lines = new Map(leaves.map((leaf) => [leaf, [...ancestorsOf(leaf.id, epochs)]]));
  const savedApartFrom = (other: EpochRow, leaf: EpochRow): boolean => {
    const own = lines.get(leaf)!.filter((id) => !lines.get(other)!.includes(id));
    return own.some((id, at) => mayHaveSaved(epochs.get(id)!, epochs.get(own[at - 1] ?? ''), input));
  };
  const left = leaves.filter(
    (leaf) => !leaves.some((other) => savedApartFrom(leaf, other) && !savedApartFrom(other, leaf)),
  );
  if (left.some((leaf) => left.some((other) => savedApartFrom(other, leaf)))) return undefined;
  const present = new Set(input.nodes.map((node) => node.node));
  const canServe = ({ members }: EpochRow) => Number(members.some((member) => present.has(member)));
  const isWhole = (leaf: EpochRow) => Number(isComplete(leaf, input.nodes));
  const order = (a: EpochRow, b: EpochRow) =>
    canServe(b) - canServe(a) || isWhole(b) - isWhole(a) || b.sequence - a.sequence || (a.id < b.id ? -1 : 1);
  return left.sort(order)[0];
}

/** Whether its record lies on all of its members that are here; one that does not was never completed. */
function isComplete(epoch: EpochRow, nodes: readonly NodeHistory[]): boolean {
  return nodes
    .filter((node) => epoch.members.includes(node.node))
    .every((node) => node.epochs.some((known) => known.id === epoch.id));
}

/** Whether a change may have been acknowledged in the epoch; `next` is its successor on the way to the leaf. */
function mayHaveSaved(epoch: EpochRow, next: EpochRow | undefined, { nodes, keptHeads }: HistoryInput): boolean {
  if (next) return next.lastSequence > epoch.sequence;
  const isSaved = (head: ChainLink) => head.epoch === epoch.id && head.sequence > epoch.sequence;
  if (keptHeads.some(isSaved) || nodes.some((node) => node.heads.some(isSaved))) return true;
  // What was acknowledged lies on every member: one that is here, with a whole journal, would have it.
  return !nodes.some(
    ({ node, damagedFiles = [] }) =>
      epoch.members.includes(node) && !damagedFiles.some((file) => file.epoch === epoch.id),
  );
}

function noMemberPresent(epoch: EpochRow, input: HistoryInput): DriveError {
  return new DriveError('READ_ONLY', {
    message: 'no disk that holds the newest changes is present',
    details: { members: epoch.members },
    hint: plugIn(epoch.members, input),
  });
}

function plugIn(nodes: readonly NodeId[], { nameOf = (id) => id }: HistoryInput): string {
  return `plug in ${nodes.map(nameOf).join(' or ')}: the newest changes are there`;
}

/**
 * End of the longest chain of the epoch among its present members, and of what they hold together where each of them is
 * damaged; the index's own tip counts as a witness.
 */
function longestTip(epoch: EpochRow, members: readonly NodeHistory[], input: HistoryInput): Tip {
  let best: Tip | undefined = input.tip?.epoch === epoch.id ? input.tip : undefined;
  let ofNodes: Tip | undefined;
  const together = members.flatMap(({ heads }) => heads);
  for (const heads of [...members.map((member) => member.heads), together]) {
    const tip = tipInEpoch(epoch, heads);
    if (tip && (ofNodes === undefined || tip.sequence > ofNodes.sequence)) ofNodes = tip;
  }
  if (ofNodes && (best === undefined || ofNodes.sequence >= best.sequence)) best = ofNodes;
  best ??= tipOfUnserved(epoch, input.nodes);
  if (best === undefined) throw noMemberPresent(epoch, input);
  return best;
}

/** An epoch whose own record did not reach its members was never served: another node's copy of that record will do. */
function tipOfUnserved(epoch: EpochRow, nodes: readonly NodeHistory[]): Tip | undefined {
  const heads = nodes.flatMap((node) => node.heads.filter((head) => head.epoch === epoch.id));
  const [own] = heads;
  if (!own || heads.some((head) => head.epochOperations === null)) return undefined;
  return { sequence: own.sequence, hash: own.hash, epoch: epoch.id };
}

/**
 * Where every present member's journal is damaged in the newest epoch, what follows the damage may have been
 * acknowledged. A member that is away may have it. An index that goes on past the damage says little: a power cut may have
 * left it behind, and the damaged file may go on past both.
 */
function demandWholeMember(
  found: {
    readonly newest: EpochRow;
    readonly members: readonly NodeHistory[];
    readonly epochs: ReadonlyMap<EpochId, EpochRow>;
    readonly chain: readonly ChainLink[];
  },
  input: HistoryInput,
): void {
  const { newest, members, epochs, chain } = found;
  const mayHideMore = (file: DamagedJournalFile) =>
    !epochs.has(file.epoch) || (file.epoch === newest.id && mayHideBatches(file, chain, input.nodes));
  const isDamaged = ({ damagedFiles = [] }: NodeHistory) => damagedFiles.some(mayHideMore);
  if (!members.every(isDamaged)) return;
  const away = newest.members.filter((id) => !input.nodes.some((node) => node.node === id));
  if (away.length === 0) return; // Nothing better can be plugged in.
  throw new DriveError('READ_ONLY', {
    message: 'the journal of the newest changes is damaged on every disk that is present',
    details: { members: away },
    hint: plugIn(away, input),
  });
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
  const served = ancestorsOf(chain.at(-1)?.epoch, epochs);
  const ends = endsOf(served, epochs);
  const held = new Set<string>();
  const beyond: BatchHead[] = [];
  for (const head of node.heads) {
    if (hashes.has(head.hash)) held.add(head.hash);
    else if (base === undefined || head.sequence > base.previousSequence || isOffLine(head, ends)) beyond.push(head);
  }
  const { sequence, hash } = endOfRun(held, chain, hashes);
  const foreign = beyond.filter((head) => mayBeAcknowledged(head, beyond, served));
  if (foreign.length > 0) return { kind: 'forked', sequence, beyond: foreign.length };
  return { kind: 'on-chain', sequence, hash };
}

/**
 * The end of the unbroken run that begins with the oldest link that the node holds. A link missing inside was never
 * durable there (a crash took what an opening had only read back): what stands behind it does not count.
 */
function endOfRun(
  held: ReadonlySet<string>,
  chain: readonly ChainLink[],
  hashes: ReadonlyMap<string, number>,
): { sequence: number; hash: string } {
  let end = { sequence: 0, hash: genesisHash };
  const base = chain[0];
  if (base && held.has(base.previousHash)) end = { sequence: hashes.get(base.previousHash)!, hash: base.previousHash };
  let isRunning = end.sequence > 0;
  for (const link of chain) {
    if (held.has(link.hash)) {
      end = { sequence: link.sequence, hash: link.hash };
      isRunning = true;
    } else if (isRunning) break;
  }
  return end;
}

/**
 * How far the node's journal is surely durable. A process that was killed can leave its last write in the system's
 * memory: it reads well until the power goes. Files are synced before the next one begins, so only the file in which
 * the run ends is in doubt. `known`: what this process itself saw synced, which decides (after a failed fsync a file
 * shows what its disk does not hold); `floor`: what lies before it cannot be written again.
 */
export function durablePosition(
  { heads }: NodeHistory,
  { sequence, hash }: { readonly sequence: number; readonly hash: string },
  { floor, known }: { readonly floor: number; readonly known?: number | undefined },
): number {
  if (sequence < floor) return sequence;
  if (known !== undefined) return Math.max(floor, Math.min(sequence, known));
  const files = new Set(heads.filter((head) => head.hash === hash).map(({ file }) => file));
  const inDoubt = heads.filter((head) => files.has(head.file)).map((head) => head.previousSequence);
  return Math.max(
    floor,
    inDoubt.reduce((least, before) => Math.min(least, before), sequence),
  );
}

/**
 * An epoch's own batch acknowledges nothing by itself. A batch of an epoch that the history does not stand on may have
 * been served by it. In an epoch of the history, whoever ended it knew what all its members had: at most one batch,
 * which was not acknowledged, is ever left behind.
 */
function mayBeAcknowledged(head: BatchHead, beyond: readonly BatchHead[], served: ReadonlySet<EpochId>): boolean {
  if (head.epochOperations !== null) return false;
  if (!served.has(head.epoch)) return true;
  return beyond.some((other) => other.previousHash === head.hash && other.epochOperations === null);
}

/**
 * Before the first link that is known, hashes do not tell whose a batch is, and its epoch does: a node that went on alone
 * and came back long after is no less refused. Nothing is told while not every epoch of the line is known.
 */
function isOffLine({ epoch, sequence }: BatchHead, ends: ReadonlyMap<EpochId, number> | undefined): boolean {
  return ends !== undefined && sequence > (ends.get(epoch) ?? 0);
}

/** The last batch that counts of each epoch of the line, which is given newest first; undefined when its beginning is not known. */
function endsOf(
  line: ReadonlySet<EpochId>,
  epochs: ReadonlyMap<EpochId, EpochRow>,
): ReadonlyMap<EpochId, number> | undefined {
  const ends = new Map<EpochId, number>();
  let end = Number.POSITIVE_INFINITY;
  for (const id of line) {
    const epoch = epochs.get(id);
    if (!epoch) return undefined;
    ends.set(id, end);
    end = epoch.lastSequence;
    if (epoch.parent === null) return ends;
  }
  return undefined;
}

/** The epoch and those that it descends from, the newest first. */
function ancestorsOf(epoch: EpochId | undefined, epochs: ReadonlyMap<EpochId, EpochRow>): ReadonlySet<EpochId> {
  const ancestors = new Set<EpochId>();
  for (let id = epoch ?? null; id !== null && !ancestors.has(id); id = epochs.get(id)?.parent ?? null)
    ancestors.add(id);
  return ancestors;
}
