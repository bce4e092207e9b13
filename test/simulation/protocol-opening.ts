/** What an opening decides from what it can see: the journals of the nodes present and the index. Pure. */
import type { ProtocolRules } from './protocol-rules.js';
import { countNodes, type ProtocolWorld } from './protocol-world.js';

export type Decision =
  | { readonly open: false; readonly reason: string }
  | {
      readonly open: true;
      readonly epoch: number;
      /** Last record of the history. */
      readonly tip: number;
      /** Epochs known that are neither this one nor its ancestors. */
      readonly others: readonly number[];
      /** Largest number that was seen anywhere. */
      readonly largestSequence: number;
      /** Nodes here that count as holders of another history. */
      readonly refusedNodes?: number;
      /** Nodes here that count as current up to a record and lack one before it. */
      readonly wronglyCurrent?: number;
    };

export type Decide = (world: ProtocolWorld, rules: ProtocolRules) => Decision;

export const refused = (reason: string): Decision => ({ open: false, reason });

export const decideOpening: Decide = (world, rules) => {
  if (world.present === 0) return refused('no node is here');
  const known = knownEpochs(world);
  const epoch = newestEpoch(world, rules, known);
  if (epoch < 0) return refused('histories went apart');
  const givers = rules.membersGiveHistory ? world.members[epoch]! & world.present : world.present;
  if (givers === 0) return refused('no member of the newest epoch is here');
  if (world.indexTip < 0) {
    if (rules.halfWhenIndexGone && countNodes(world.present) * 2 <= world.nodeCount)
      return refused('the index is gone and not more than half of the nodes are here');
    if (rules.allMembersWhenIndexGone && givers !== world.members[epoch])
      return refused('the index is gone and a member of the newest epoch is away');
  }
  const end = historyEnd(world, rules, epoch);
  if (end < 0) return refused('no history with the newest epoch is here');
  if (!isComplete(world, end)) return refused('a batch in the middle is on no node here');
  let tip = dropTail(world, rules, end) ? world.parent[end]! : end;
  const inIndex = (record: number) => world.indexTip >= 0 && world.leadsTo(record, world.indexTip);
  while (rules.unservedEpochSuperseded && world.isEpoch(tip) && !inIndex(tip) && world.parent[tip]! >= 0)
    tip = world.parent[tip]!;
  const others = known.filter((other) => !world.leadsTo(other, tip));
  let largestSequence = world.sequence[end]!;
  for (let record = 0; record < world.recordCount; record++) {
    if (world.held[record]! & world.present) largestSequence = Math.max(largestSequence, world.sequence[record]!);
  }
  return { open: true, epoch: world.epochOf[tip]!, tip, others, largestSequence };
};

function knownEpochs(world: ProtocolWorld): number[] {
  const known: number[] = [];
  for (let record = 0; record < world.recordCount; record++) {
    if (!world.isEpoch(record)) continue;
    const inIndex = world.indexTip >= 0 && world.leadsTo(record, world.indexTip);
    if (inIndex || world.held[record]! & world.present) known.push(record);
  }
  return known;
}

/** -1 when nothing tells. */
function newestEpoch(world: ProtocolWorld, rules: ProtocolRules, known: readonly number[]): number {
  if (!rules.newestByDescent)
    return known.reduce((best, e) => (world.sequence[e]! >= world.sequence[best]! ? e : best));
  const ended = new Set(known.flatMap((epoch) => world.supersedes[epoch]!));
  let newest = known.filter(
    (epoch) => !ended.has(epoch) && !known.some((other) => other !== epoch && world.leadsTo(epoch, other)),
  );
  const prefer = (good: (epoch: number) => boolean) => {
    if (newest.length < 2) return;
    const preferred = newest.filter(good);
    if (preferred.length > 0) newest = preferred;
  };
  if (rules.indexChainFirst && world.indexTip >= 0) {
    const indexEpoch = world.epochOf[world.indexTip]!;
    prefer((epoch) => world.leadsTo(indexEpoch, epoch));
  }
  if (rules.completeEpochFirst) {
    prefer((epoch) => (world.members[epoch]! & world.present & ~world.held[epoch]!) === 0);
  }
  const leaves = newest;
  const written = (leaf: number, other: number) => wasWritten(world, leaf, other, ended);
  if (rules.writtenEpochFirst) {
    prefer((leaf) => !leaves.some((other) => written(other, leaf) && !written(leaf, other)));
  }
  if (rules.refuseWhenApart && newest.some((leaf) => newest.some((other) => written(leaf, other)))) return -1;
  // None of these was ever served, so each will do.
  prefer((epoch) => (world.members[epoch]! & world.present) !== 0);
  const order = (epoch: number) => Math.imul(epoch, 0x9e3779b1) >>> 0;
  return newest.reduce((best, epoch) => (order(epoch) < order(best) ? epoch : best));
}

/** Whether a batch was written where the epoch's line stands apart from another leaf's: then it was effective. */
function wasWritten(world: ProtocolWorld, epoch: number, other: number, ended: ReadonlySet<number>): boolean {
  if (epoch === other) return false;
  for (let record = 0; record < world.recordCount; record++) {
    if (world.isEpoch(record) || (world.held[record]! & world.present) === 0) continue;
    // Who superseded the epoch had a member of it that lacked this batch.
    if (ended.has(world.epochOf[record]!)) continue;
    if (world.epochOf[record] !== epoch && !world.leadsTo(record, epoch)) continue;
    // A batch of an epoch that both lines share was left behind by the other line: it was never acknowledged.
    if (!world.leadsTo(world.epochOf[record]!, other)) return true;
  }
  return false;
}

function historyEnd(world: ProtocolWorld, rules: ProtocolRules, epoch: number): number {
  let end = -1;
  if (rules.longestWins || !rules.membersGiveHistory) {
    for (let node = 0; node < world.nodeCount; node++) {
      const tip = world.present & (1 << node) ? longestOn(world, node) : -1;
      if (tip >= 0 && (end < 0 || world.sequence[tip]! > world.sequence[end]!)) end = tip;
    }
  } else end = endInEpoch(world, epoch);
  if (rules.indexGivesHistory && world.indexTip >= 0 && world.epochOf[world.indexTip] === epoch) {
    if (end < 0 || world.sequence[world.indexTip]! > world.sequence[end]!) end = world.indexTip;
  }
  return end;
}

/** End of the epoch's batches on the nodes here, followed from the epoch's own record; -1 when that is not here. */
function endInEpoch(world: ProtocolWorld, epoch: number): number {
  if ((world.held[epoch]! & world.present) === 0) return -1;
  let end = epoch;
  for (let record = epoch + 1; record < world.recordCount; record++) {
    const next = world.parent[record] === end && world.epochOf[record] === epoch;
    if (next && world.held[record]! & world.present) end = record;
  }
  return end;
}

function longestOn(world: ProtocolWorld, node: number): number {
  let longest = 0;
  for (let record = 0; record < world.recordCount; record++) {
    if (world.isHeldBy(record, node) && world.depth[record]! > world.depth[longest]!) longest = record;
  }
  return longest;
}

/** Whether every record up to `end` is on a node here, or in the index. */
function isComplete(world: ProtocolWorld, end: number): boolean {
  for (let at = end; at >= 0; at = world.parent[at]!) {
    if (world.indexTip >= 0 && world.leadsTo(at, world.indexTip)) return true;
    if ((world.held[at]! & world.present) === 0) return false;
  }
  return true;
}

export function dropTail(world: ProtocolWorld, rules: ProtocolRules, end: number): boolean {
  if (world.isEpoch(end)) return false;
  if (rules.dropBelowMinimum) {
    if (countNodes(world.held[end]! & world.present) < Math.min(world.wanted, 2)) return true;
  }
  const named = world.named[end]!;
  if (!rules.dropMissingTail || named === 0) return false;
  // What the index has committed had its data; its places are known.
  if (world.indexTip >= 0 && world.leadsTo(end, world.indexTip)) return false;
  const found = (world.data[end]! | world.dataUnsynced[end]!) & named & world.present;
  if (found !== 0) return false;
  if (rules.dropWitnesses === 'each') return (named & ~world.present) === 0;
  if (rules.dropWitnesses === 'none') return true;
  // A disk that was put back as it was before proves nothing: a witness's journal reaches the batch.
  return (named & world.present & world.held[world.parent[end]!]!) !== 0;
}
