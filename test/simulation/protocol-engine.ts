/**
 * The writing side of the protocol model: batches, epochs, levelling, as small steps between which the machine may
 * lose power, the process may be killed, a node may vanish or answer with an error.
 */
import type { Decision } from './protocol-opening.js';
import type { ProtocolRules } from './protocol-rules.js';
import { countNodes, nodeNames, type ProtocolWorld } from './protocol-world.js';

/** Thrown where the process ends; not an Error, which would cost a stack trace each time. */
export const processEnds = { end: 'process' } as const;

const maskOf = (nodes: readonly number[]) => nodes.reduce((mask, node) => mask | (1 << node), 0);

export class ProtocolEngine {
  readonly #world: ProtocolWorld;
  readonly #rules: ProtocolRules;
  readonly #trace: ((line: string) => void) | undefined;
  /** Steps until the process ends by itself. */
  fuse: number;
  tip = 0;
  epoch = 0;
  members = 0;
  /** Nodes that the engine uses. */
  online = 0;
  #nextSequence = 0;
  /** Per node: last record that its journal has of the history. */
  readonly #position = [0, 0, 0, 0];
  #others: readonly number[] = [];

  constructor(world: ProtocolWorld, rules: ProtocolRules, fuse: number, trace?: (line: string) => void) {
    this.#world = world;
    this.#rules = rules;
    this.fuse = fuse;
    this.#trace = trace;
  }

  /** Levels the nodes here to the history that was decided and seals it. */
  open(decision: Decision & { open: true }): void {
    const world = this.#world;
    this.tip = decision.tip;
    this.epoch = decision.epoch;
    this.#others = decision.others;
    const largest = this.#rules.numbersBeyondAllSeen ? decision.largestSequence : world.sequence[this.tip]!;
    this.#nextSequence = largest + 1;
    for (const node of this.#shuffled(world.present)) {
      if (this.#rules.openingSyncs) world.syncEverything(node);
      if (this.#level(node, this.tip)) this.online |= 1 << node;
    }
    this.#startEpoch(this.tip, 0);
  }

  write(): void {
    const { random } = this.#world;
    const world = this.#world;
    const record = world.newRecord({ parent: this.tip, sequence: this.#nextSequence++, members: 0 });
    const holders = random.chance(0.7) ? this.#shuffled(this.online).slice(0, world.wanted) : [];
    world.named[record] = maskOf(holders);
    this.#trace?.(`write ${world.describe(record)} members ${nodeNames(this.members)}`);
    const dataSteps = random.shuffle(holders.flatMap((node) => [node, node]));
    const journalNodes = this.#shuffled(this.members);
    const journalSteps = random.shuffle(journalNodes.flatMap((node) => [node + 4, node + 4]));
    const steps = this.#rules.dataBeforeJournal
      ? [...dataSteps, ...journalSteps]
      : random.shuffle([...dataSteps, ...journalSteps]);
    const seen = new Set<number>();
    const members = this.members;
    for (const step of steps) {
      this.#tick();
      const node = step & 3;
      if (!this.#works(node)) continue;
      if (this.#rules.dataBeforeJournal && step >= 4 && world.named[record] && !world.data[record]) continue;
      if (step < 4) this.#dataStep(node, record, seen.has(step));
      else if (seen.has(step)) world.sync(node);
      else world.append(node, record);
      seen.add(step);
      if (!this.#rules.ackNeedsAllMembers && step >= 4 && world.durable[record]! & members)
        this.#acknowledgeEarly(record);
    }
    this.#settle(record, members);
  }

  /** A node was plugged in, or an error made it leave before and it answers again. */
  attach(node: number): void {
    const world = this.#world;
    if (this.online & (1 << node)) return;
    world.loseMemory(node);
    const foreign = this.#foreignEpochs(node);
    if (!this.#level(node, this.tip)) return;
    this.online |= 1 << node;
    this.#trace?.(`node ${nodeNames(1 << node)} returned`);
    this.#others = [...new Set([...this.#others, ...foreign])];
    const wanted = Math.min(world.wanted, countNodes(this.online));
    if (countNodes(this.members) < wanted && world.random.chance(0.8)) this.#startEpoch(this.tip, this.members);
  }

  /** An I/O error or a missed probe. */
  leave(node: number): void {
    this.online &= ~(1 << node);
    if (this.members & (1 << node)) this.#startEpoch(this.tip, this.members & this.online);
  }

  follow(node: number): void {
    if ((this.online & (1 << node)) === 0 || this.members & (1 << node)) return;
    if (!this.#level(node, this.tip)) this.online &= ~(1 << node);
  }

  #settle(record: number, membersBefore: number): void {
    const world = this.#world;
    this.#writeMissingCopies(record);
    if (world.named[record] && (world.data[record]! & this.online) === 0) {
      this.#trace?.('no copy: ended by a new epoch');
      for (const node of this.#shuffled(this.online)) this.#position[node] = this.#positionBefore(node, record);
      this.#startEpoch(this.tip, this.members & this.online);
      return;
    }
    this.#markPositions(record, membersBefore);
    const took = this.members & this.online & world.durable[record]!;
    if (took === 0 && !this.#goForward(record)) throw processEnds;
    this.#commitIndex(record, false);
    this.tip = record;
    const memberLost = (membersBefore & this.online) !== membersBefore;
    const copyFailed = this.#rules.sealAfterFailedCopy && (world.named[record]! & ~world.data[record]!) !== 0;
    if (memberLost || copyFailed) this.#startEpoch(record, this.members & this.online);
    world.acknowledged[record] = 1;
    this.#trace?.(`acknowledged ${record}`);
    this.#tick();
  }

  #acknowledgeEarly(record: number): void {
    const world = this.#world;
    const enough = Math.min(2, countNodes(world.named[record]!));
    if (countNodes(world.data[record]!) >= enough) world.acknowledged[record] = 1;
  }

  #markPositions(record: number, members: number): void {
    for (let node = 0; node < this.#world.nodeCount; node++) {
      if (members & this.online & this.#world.durable[record]! & (1 << node)) this.#position[node] = record;
    }
  }

  #positionBefore(node: number, record: number): number {
    return this.#position[node] === record ? this.#world.parent[record]! : this.#position[node]!;
  }

  #dataStep(node: number, record: number, written: boolean): void {
    const world = this.#world;
    const bit = 1 << node;
    if (!written) world.dataUnsynced[record]! |= bit;
    else if (world.dataUnsynced[record]! & bit) {
      world.dataUnsynced[record]! &= ~bit;
      world.data[record]! |= bit;
    }
  }

  /** Copies that failed are written to other nodes, which the journal does not name. */
  #writeMissingCopies(record: number): void {
    const world = this.#world;
    for (;;) {
      const copies = world.data[record]! & this.online;
      if (copies === 0 || countNodes(copies) >= Math.min(world.wanted, 2)) return;
      const other = this.#shuffled(this.online & ~copies)[0];
      if (other === undefined) return;
      this.#tick();
      if (!this.#works(other)) continue;
      world.data[record]! |= 1 << other;
    }
  }

  #goForward(record: number): boolean {
    if (!this.#rules.followersGoForward) return false;
    const world = this.#world;
    let took = 0;
    for (const node of this.#shuffled(this.online)) {
      if (this.#position[node] !== this.tip) continue;
      this.#tick();
      if (!this.#works(node)) continue;
      world.append(node, record);
      world.sync(node);
      this.#position[node] = record;
      took |= 1 << node;
    }
    return took !== 0;
  }

  /** Tries until an epoch is durable on all its members and in the index; `stay`: nodes that come first. */
  #startEpoch(last: number, stay: number): void {
    const world = this.#world;
    let superseded = this.#rules.supersedesOthers ? this.#others : [];
    let sequence = this.#nextSequence + (this.#rules.epochSkipsNumber ? 1 : 0);
    for (; ; sequence++) {
      const members = this.#chooseMembers(last, stay);
      if (members === 0) throw processEnds;
      const epoch = world.newRecord({ parent: last, sequence, members, supersedes: superseded });
      this.#trace?.(`write ${world.describe(epoch)} supersedes ${superseded.join(' ') || 'none'}`);
      if (this.#writeEpoch(epoch, members)) {
        this.#commitIndex(epoch, this.#rules.epochIndexFull);
        this.epoch = this.tip = epoch;
        this.members = members;
        this.#nextSequence = sequence + 1;
        this.#others = [];
        this.#trace?.(`effective ${epoch}`);
        return;
      }
      superseded = [...superseded, epoch];
    }
  }

  #writeEpoch(epoch: number, members: number): boolean {
    const world = this.#world;
    let done = 0;
    let failed = false;
    for (const node of this.#shuffled(members)) {
      this.#tick();
      if (!this.#rules.epochNeedsAllMembers && done * 2 > countNodes(members) && world.random.chance(0.5)) continue;
      if (!this.#works(node)) {
        failed = true;
        continue;
      }
      world.append(node, epoch);
      this.#tick();
      world.sync(node);
      done++;
    }
    if (!failed) for (const node of this.#shuffled(members)) this.#position[node] = epoch;
    return !failed;
  }

  #chooseMembers(last: number, stay: number): number {
    const world = this.#world;
    const level = (node: number) => {
      if (this.#position[node] === last || !this.#rules.levelBeforeEpoch) return true;
      if (this.#level(node, last)) return true;
      this.online &= ~(1 << node);
      return false;
    };
    let members = 0;
    for (const node of [...this.#shuffled(stay & this.online), ...this.#shuffled(this.online & ~stay)]) {
      if (countNodes(members) < world.wanted && level(node)) members |= 1 << node;
    }
    return members;
  }

  #level(node: number, target: number): boolean {
    const world = this.#world;
    // From the first record of the history that the node lacks, even when later ones are there: no holes.
    const largest = this.#rules.levelByIdentity ? 0 : this.#largestNumber(node);
    const missing = world
      .path(-1, target)
      .filter((record) => !world.isHeldBy(record, node) && world.sequence[record]! > largest);
    for (const record of missing) {
      this.#tick();
      if (!this.#works(node)) return false;
      world.append(node, record);
    }
    if (missing.length > 0) {
      this.#tick();
      if (!this.#works(node)) return false;
      world.sync(node);
    }
    this.#position[node] = target;
    return true;
  }

  #largestNumber(node: number): number {
    const world = this.#world;
    let largest = 0;
    for (let record = 0; record < world.recordCount; record++) {
      if (world.isHeldBy(record, node)) largest = Math.max(largest, world.sequence[record]!);
    }
    return largest;
  }

  #foreignEpochs(node: number): number[] {
    const world = this.#world;
    const foreign: number[] = [];
    for (let record = 0; record < world.recordCount; record++) {
      if (world.isEpoch(record) && world.isHeldBy(record, node) && !world.leadsTo(record, this.tip))
        foreign.push(record);
    }
    return foreign;
  }

  #commitIndex(record: number, full: boolean): void {
    this.#tick();
    this.#world.indexTip = record;
    if (full) this.#world.indexDurable = record;
    if (this.#world.isEpoch(record)) this.#world.effective = record;
    this.#tick();
  }

  #shuffled(mask: number): number[] {
    const nodes: number[] = [];
    for (let node = 0; node < this.#world.nodeCount; node++) if (mask & (1 << node)) nodes.push(node);
    return nodes.length > 1 ? this.#world.random.shuffle(nodes) : nodes;
  }

  #tick(): void {
    if (--this.fuse <= 0) throw processEnds;
  }

  /** False when the node is gone or fails now; it leaves then, and what it had in memory may or may not be on its disk. */
  #works(node: number): boolean {
    const world = this.#world;
    const bit = 1 << node;
    if ((this.online & bit) === 0 && (world.present & bit) === 0) return false;
    const chance = world.random.next();
    if (world.present & bit && chance >= 0.03) return true;
    this.#trace?.(`node ${nodeNames(bit)} fails`);
    world.loseMemory(node);
    if (chance < 0.015) world.unplug(node);
    this.online &= ~bit;
    return false;
  }
}
