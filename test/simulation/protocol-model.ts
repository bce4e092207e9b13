/**
 * A model of commit, epochs and opening without bytes: random executions of the rules in protocol-rules.ts with crashes,
 * nodes that leave and return, and an index that is lost, behind or old. It answers whether the rules hold what the
 * drive promises: whatever was acknowledged is in every later history, no number is used twice, and the volume opens
 * whenever it must. A run is a few microseconds long, so a million of them are affordable.
 */
import { ProtocolEngine, processEnds } from './protocol-engine.js';
import { type Decide, type Decision, decideOpening } from './protocol-opening.js';
import { type ProtocolFaults, type ProtocolRules, plainFaults, soundRules } from './protocol-rules.js';
import { countNodes, nodeNames, ProtocolWorld } from './protocol-world.js';

export type Violation =
  | 'an acknowledged batch is not in the history'
  | 'a history without a member of the newest epoch'
  | 'refused though a member of the newest epoch is here'
  | 'the chunks of an acknowledged batch are gone'
  | 'a batch number was used twice'
  | 'an accepted batch lacks its chunks'
  | 'a node is refused though there is no other history'
  | 'a node counts as current and is not';

export interface RunResult {
  readonly violation: Violation | null;
  /** Opened where the promise does not reach: the index gone and every holder of the newest epoch away. */
  readonly forked: boolean;
  readonly openings: number;
  readonly crashes: number;
}

export interface RunOptions {
  readonly rules?: ProtocolRules;
  readonly faults?: ProtocolFaults;
  readonly decide?: Decide;
  readonly trace?: (line: string) => void;
  /** Also report batches that were never acknowledged, accepted, and turn out to lack their chunks. */
  readonly strictTail?: boolean;
}

const world = new ProtocolWorld();

export function runProtocol(seed: number, options: RunOptions = {}): RunResult {
  return new ProtocolRun(seed, options).run();
}

class ProtocolRun {
  readonly #rules: ProtocolRules;
  readonly #faults: ProtocolFaults;
  readonly #decide: Decide;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #strictTail: boolean;
  #violation: Violation | null = null;
  #forked = false;
  #openings = 0;
  #crashes = 0;
  #stale = 0;

  constructor(seed: number, options: RunOptions) {
    this.#rules = options.rules ?? soundRules;
    this.#faults = options.faults ?? plainFaults;
    this.#decide = options.decide ?? decideOpening;
    this.#trace = options.trace;
    this.#strictTail = options.strictTail ?? false;
    world.reset(seed);
    this.#trace?.(`nodes ${world.nodeCount}, replicas ${world.wanted}, first epoch 0{${nodeNames(world.members[0]!)}}`);
  }

  run(): RunResult {
    for (let life = 2 + world.random.below(5); life > 0 && !this.#ended; life--) {
      this.#live();
      if (!this.#ended) this.#whileClosed();
    }
    if (!this.#ended) this.#finish();
    return { violation: this.#violation, forked: this.#forked, openings: this.#openings, crashes: this.#crashes };
  }

  get #ended(): boolean {
    return this.#violation !== null || this.#forked || world.full;
  }

  /** Everything is plugged in and opened: nothing that was acknowledged may be missing. */
  #finish(): void {
    world.present = world.allNodes;
    this.#live({ calm: true });
    if (this.#ended) return;
    for (let record = world.effective; record >= 0; record = world.parent[record]!) {
      for (let other = 0; other < world.recordCount; other++) {
        const twice = other !== record && world.sequence[other] === world.sequence[record];
        if (twice && !world.isEpoch(other) && world.held[other] !== 0 && this.#stale === 0)
          this.#fail('a batch number was used twice');
      }
    }
  }

  /** From an opening to the end of the process. */
  #live({ calm = false } = {}): void {
    const { random } = world;
    const fuse = calm ? 1e9 : random.chance(0.3) ? 1 + random.below(12) : 1 + random.below(120);
    const decision = this.#decideNow();
    if (!decision.open || this.#ended) return;
    const engine = new ProtocolEngine(world, this.#rules, fuse, this.#trace);
    try {
      engine.open(decision);
      if (!this.#judgeHistory(engine.tip)) return;
      for (let actions = calm ? 0 : 10; actions > 0 && !world.full; actions--) this.#act(engine);
    } catch (end) {
      if (end !== processEnds) throw end;
    }
    this.#end();
  }

  #decideNow(): Decision {
    const decision = this.#decide(world, this.#rules);
    this.#openings++;
    const here = `here ${nodeNames(world.present) || 'none'}, index at ${world.indexTip}`;
    const memberHere = (world.members[world.effective]! & world.present & ~this.#stale) !== 0;
    if (!decision.open) {
      this.#trace?.(`refused: ${decision.reason}; ${here}`);
      const promised = memberHere && (world.indexTip >= 0 || countNodes(world.present) * 2 > world.nodeCount);
      if (promised && !(this.#rules.allMembersWhenIndexGone && world.indexTip < 0))
        this.#fail('refused though a member of the newest epoch is here');
      return decision;
    }
    this.#trace?.(`opens: epoch ${decision.epoch}, history ends with ${world.describe(decision.tip)}; ${here}`);
    if (!memberHere && (this.#stale === 0 || world.indexTip < 0)) {
      const enough = world.indexTip < 0 && countNodes(world.present) * 2 > world.nodeCount;
      if (enough) this.#forked = true;
      else if (this.#missing(decision.tip) >= 0 && !this.#faults.indexStale)
        this.#fail('a history without a member of the newest epoch');
    } else this.#judgeHistory(decision.tip);
    if (decision.refusedNodes) this.#fail('a node is refused though there is no other history');
    if (decision.wronglyCurrent) this.#fail('a node counts as current and is not');
    return decision;
  }

  #judgeHistory(tip: number): boolean {
    const missing = this.#missing(tip);
    if (missing >= 0) {
      this.#trace?.(`missing: ${world.describe(missing)}`);
      const known = world.indexTip >= 0 && world.leadsTo(missing, world.indexTip);
      const here = known || (world.held[missing]! & world.present) !== 0;
      const readable = world.named[missing] === 0 || world.data[missing] !== 0;
      if (this.#stale === 0 || (here && readable)) this.#fail('an acknowledged batch is not in the history');
      else this.#forked = true; // The disk that knew it was put back as it was before.
    }
    for (let record = 0; record < world.recordCount; record++) {
      if (world.named[record] === 0 || (world.data[record]! | world.dataUnsynced[record]!) !== 0) continue;
      if (this.#stale !== 0) continue;
      if (world.acknowledged[record]) this.#fail('the chunks of an acknowledged batch are gone');
      else if (this.#strictTail && world.leadsTo(record, tip)) this.#fail('an accepted batch lacks its chunks');
    }
    return this.#violation === null;
  }

  #missing(tip: number): number {
    for (let record = 0; record < world.recordCount; record++) {
      if (world.acknowledged[record] && !world.leadsTo(record, tip)) return record;
    }
    return -1;
  }

  #act(engine: ProtocolEngine): void {
    const { random } = world;
    const chance = random.next();
    const node = random.below(world.nodeCount);
    const bit = 1 << node;
    if (chance < 0.5) engine.write();
    else if (chance < 0.62) {
      if (!(world.present & bit)) return;
      this.#trace?.(`node ${nodeNames(bit)} unplugged`);
      world.unplug(node);
      if (random.chance(0.5)) engine.leave(node);
    } else if (chance < 0.67) engine.leave(node);
    else if (chance < 0.85) {
      if (!(world.present & bit)) {
        // Open files ended with the disk: that it was away does not go unnoticed.
        if (engine.online & bit) engine.leave(node);
        this.#plug(node);
      }
      engine.attach(node);
    } else engine.follow(node);
  }

  #plug(node: number): void {
    world.present |= 1 << node;
    if (!this.#faults.nodeStale || !world.random.chance(0.2)) return;
    this.#trace?.(`node ${nodeNames(1 << node)} comes back as an older copy`);
    world.putBackSnapshot(node);
    this.#stale |= 1 << node;
  }

  #end(): void {
    const { random } = world;
    this.#crashes++;
    world.kill();
    const power = random.chance(0.5);
    if (power) world.powerCut();
    this.#trace?.(power ? 'power cut' : 'killed');
  }

  #whileClosed(): void {
    const { random } = world;
    if (random.chance(0.25)) {
      this.#trace?.('power cut while closed');
      world.powerCut();
    }
    for (let node = 0; node < world.nodeCount; node++) {
      if (world.present & (1 << node)) {
        if (random.chance(0.2)) world.unplug(node);
        if (random.chance(0.1)) world.snapshot[node] = world.recordCount;
      } else if (random.chance(0.4)) this.#plug(node);
    }
    if (random.chance(0.1)) world.indexSnapshot = world.indexTip;
    if (this.#faults.indexLost && random.chance(0.12)) world.indexTip = world.indexDurable = -1;
    else if (this.#faults.indexStale && random.chance(0.12)) world.indexTip = world.indexDurable = world.indexSnapshot;
  }

  #fail(violation: Violation): void {
    this.#trace?.(`VIOLATION: ${violation}`);
    this.#violation ??= violation;
  }
}
