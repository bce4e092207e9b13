/**
 * The world of the protocol model: journal records as a tree, which node holds which of them durably or only in
 * memory, the index, and what crashes and departures make of all that. No bytes, no time; node sets are bit masks.
 *
 * A reader stops at the first record of a file that is not valid, so of what was not synced a prefix survives. What a
 * killed process left unsynced stays readable until a power cut takes it, while newer files may be safe.
 */
import { SeededRandom } from './seeded-random.js';

export const maximumNodes = 4;
const maximumRecords = 300;

export class ProtocolWorld {
  random = new SeededRandom(0);
  nodeCount = 0;
  /** Wanted copies (`replicas`). */
  wanted = 0;

  recordCount = 0;
  readonly parent = new Int16Array(maximumRecords);
  readonly depth = new Int16Array(maximumRecords);
  readonly sequence = new Int16Array(maximumRecords);
  /** Members of an epoch record; 0 for batches. */
  readonly members = new Uint8Array(maximumRecords);
  /** The epoch record that a record belongs to (an epoch record: itself). */
  readonly epochOf = new Int16Array(maximumRecords);
  /** An epoch record names the attempts that it replaces. */
  readonly supersedes: (readonly number[])[] = [];
  readonly acknowledged = new Uint8Array(maximumRecords);
  /** Nodes whose journal holds the record, readable now, and those of them that hold it durably. */
  readonly held = new Uint8Array(maximumRecords);
  readonly durable = new Uint8Array(maximumRecords);
  /** Nodes that the journal names as holders of the batch's chunks; 0: no chunks. */
  readonly named = new Uint8Array(maximumRecords);
  /** Nodes that hold the chunks durably, and those that hold them unsynced. */
  readonly data = new Uint8Array(maximumRecords);
  readonly dataUnsynced = new Uint8Array(maximumRecords);

  /** Nodes that are plugged in. */
  present = 0;
  /** Per node: records of this process's file, not synced. */
  readonly unsynced: number[][] = [[], [], [], []];
  /** Per node: records left unsynced in an older file by a killed process. */
  readonly left: number[][] = [[], [], [], []];
  /** Per node: how many records existed when its disk was copied. */
  readonly snapshot = new Int16Array(maximumNodes);

  /** Last record that the index has committed, and has committed durably. -1: no index. */
  indexTip = 0;
  indexDurable = 0;
  indexSnapshot = 0;

  /** The epoch that was made effective last, as the oracle knows it. */
  effective = 0;

  reset(seed: number): void {
    this.random = new SeededRandom(seed);
    this.nodeCount = 2 + this.random.below(3);
    this.wanted = Math.min(this.nodeCount, 2 + this.random.below(2));
    this.recordCount = 0;
    this.present = this.allNodes;
    const first = this.newRecord({ parent: -1, sequence: 1, members: (1 << this.wanted) - 1 });
    this.held[first] = this.durable[first] = this.present;
    for (let node = 0; node < maximumNodes; node++) {
      this.snapshot[node] = 1;
      this.unsynced[node]!.length = this.left[node]!.length = 0;
    }
    this.indexTip = this.indexDurable = this.indexSnapshot = this.effective = first;
  }

  get allNodes(): number {
    return (1 << this.nodeCount) - 1;
  }

  get full(): boolean {
    return this.recordCount > maximumRecords - 60;
  }

  newRecord(input: { parent: number; sequence: number; members: number; supersedes?: readonly number[] }): number {
    const record = this.recordCount++;
    this.parent[record] = input.parent;
    this.depth[record] = input.parent < 0 ? 0 : this.depth[input.parent]! + 1;
    this.sequence[record] = input.sequence;
    this.members[record] = input.members;
    this.epochOf[record] = input.members > 0 ? record : this.epochOf[input.parent]!;
    this.supersedes[record] = input.supersedes ?? none;
    this.held[record] = this.durable[record] = this.acknowledged[record] = 0;
    this.named[record] = this.data[record] = this.dataUnsynced[record] = 0;
    return record;
  }

  isEpoch(record: number): boolean {
    return this.members[record]! > 0;
  }

  isHeldBy(record: number, node: number): boolean {
    return (this.held[record]! & (1 << node)) !== 0;
  }

  /** Whether `older` is `newer` or one of its ancestors. */
  leadsTo(older: number, newer: number): boolean {
    let at = newer;
    while (this.depth[at]! > this.depth[older]!) at = this.parent[at]!;
    return at === older;
  }

  /** Records after `older` up to `newer`, in order. */
  path(older: number, newer: number): number[] {
    const records: number[] = [];
    for (let at = newer; at !== older; at = this.parent[at]!) records.push(at);
    return records.reverse();
  }

  append(node: number, record: number): void {
    if (this.isHeldBy(record, node)) return;
    this.held[record]! |= 1 << node;
    this.unsynced[node]!.push(record);
  }

  sync(node: number): void {
    for (const record of this.unsynced[node]!) this.durable[record]! |= 1 << node;
    this.unsynced[node]!.length = 0;
  }

  /** Makes everything durable that is readable on the node, older processes' leavings too. */
  syncEverything(node: number): void {
    const bit = 1 << node;
    this.unsynced[node]!.length = this.left[node]!.length = 0;
    for (let record = 0; record < this.recordCount; record++) {
      if (this.held[record]! & bit) this.durable[record]! |= bit;
      if (this.dataUnsynced[record]! & bit) this.data[record]! |= bit;
      this.dataUnsynced[record]! &= ~bit;
    }
  }

  /** The process dies; what it wrote stays readable. */
  kill(): void {
    for (let node = 0; node < this.nodeCount; node++) {
      this.left[node]!.push(...this.unsynced[node]!);
      this.unsynced[node]!.length = 0;
    }
  }

  /** The node's memory is gone: of what was unsynced, a prefix of each file and any subset of the chunks survives. */
  loseMemory(node: number): void {
    const bit = 1 << node;
    for (const file of [this.unsynced[node]!, this.left[node]!]) {
      const kept = file.length === 0 ? 0 : this.random.below(file.length + 1);
      file.forEach((record, index) => {
        if (index < kept) this.durable[record]! |= bit;
        else this.held[record]! &= ~bit;
      });
      file.length = 0;
    }
    for (let record = this.recordCount - 1; record >= 0; record--) {
      if ((this.dataUnsynced[record]! & bit) === 0) continue;
      this.dataUnsynced[record]! &= ~bit;
      if (this.random.chance(0.5)) this.data[record]! |= bit;
    }
  }

  powerCut(): void {
    for (let node = 0; node < this.nodeCount; node++) this.loseMemory(node);
    if (this.indexTip < 0) return;
    const behind = this.depth[this.indexTip]! - this.depth[this.indexDurable]!;
    for (let step = this.random.below(behind + 1); step > 0; step--) this.indexTip = this.parent[this.indexTip]!;
    this.indexDurable = this.indexTip;
  }

  unplug(node: number): void {
    this.loseMemory(node);
    this.present &= ~(1 << node);
  }

  /** The node's disk is replaced by the copy that was made of it at the last snapshot. */
  putBackSnapshot(node: number): void {
    this.unsynced[node]!.length = this.left[node]!.length = 0;
    for (let record = this.snapshot[node]!; record < this.recordCount; record++) {
      for (const mask of [this.held, this.durable, this.data, this.dataUnsynced]) mask[record]! &= ~(1 << node);
    }
  }

  describe(record: number): string {
    if (record < 0) return 'none';
    const acknowledged = this.acknowledged[record] ? '!' : '';
    const named = this.named[record] ? `@${nodeNames(this.named[record]!)}` : '';
    const kind = this.isEpoch(record)
      ? `epoch${record}{${nodeNames(this.members[record]!)}}`
      : `batch${record}${named}${acknowledged}`;
    return `${kind}#${this.sequence[record]}<-${this.parent[record]}`;
  }
}

const none: readonly number[] = [];

export function nodeNames(mask: number): string {
  return [...'ABCD'].filter((_, node) => mask & (1 << node)).join('');
}

export function countNodes(mask: number): number {
  let count = 0;
  for (let rest = mask; rest > 0; rest &= rest - 1) count++;
  return count;
}
