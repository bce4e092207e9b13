/**
 * The real engine through random lives: clients change files while disks fail, leave and return, the process is killed
 * or the power is cut, and the index is lost or behind. At many points of a life it is asked what a crash here may
 * leave: such states are drawn, and each is opened by the real opening and looked at; what was acknowledged must be
 * there. One of them is the next life. At the end, with every disk back, all must become whole.
 */
import { hasCode } from '../../src/core/errors.js';
import { type CrashOptions, type CrashState, drawCrash } from './crash-states.js';
import { describeDisks } from './describe-disks.js';
import { glanceAt, healedWithinMs, noCopyLeft } from './glance.js';
import type { IndexState } from './index-slots.js';
import { leftBehind } from './left-behind.js';
import { Nemesis } from './nemesis.js';
import { SeededRandom } from './seeded-random.js';
import { SimClient } from './sim-client.js';
import { SimLife } from './sim-life.js';
import { SimMachine } from './sim-machine.js';

export interface SimulationResult {
  readonly problems: readonly string[];
  readonly acknowledged: number;
  readonly locked: number;
  /** Ends of lives. */
  readonly crashes: number;
  /** Distinct states that a crash may leave, each opened and looked at. */
  readonly states: number;
  /** Of them, those that could not be opened for changes, because a disk was away. */
  readonly refusals: number;
  readonly operations: number;
  readonly steps: number;
  /** How often each kind of fault was met. */
  readonly faults: ReadonlyMap<string, number>;
}

export interface SimulationOptions {
  readonly trace?: (line: string) => void;
  /** Lives before the last, calm one. */
  readonly lives?: number;
  readonly indexMayBeLost?: boolean;
  readonly disksMayFail?: boolean;
  /** States drawn at each point of a life at which a crash is imagined; 0: none. */
  readonly statesPerPoint?: number;
}

/** Disks and indexes of earlier lives are kept as backups; more than these tell nothing new. */
const backupsKept = 2;

/** A minute after all is healed nothing that is not needed is left on any disk. */
const clearedWithinMs = 90_000;

export async function simulateEngine(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  return new Simulation(seed, options).run();
}

class Simulation {
  readonly machine: SimMachine;
  readonly #random: SeededRandom;
  /** Imagined crashes have a chance of their own, so that their number does not change the lives. */
  readonly #crashRandom: SeededRandom;
  readonly #options: SimulationOptions;
  readonly #clients: SimClient[];
  readonly #nemesis: Nemesis;
  readonly #trace: (line: string) => void;
  readonly #problems: string[] = [];
  readonly #totals = { crashes: 0, operations: 0, steps: 0, refusals: 0 };
  readonly #seen = new Set<string>();
  readonly #faults = new Map<string, number>();
  readonly #oldIndexes: IndexState[] = [];
  /** Some disk does not hold what was written to it, and nobody has noticed yet. */
  #isDamaged = false;
  #life: SimLife | undefined;
  #latest = 0;

  constructor(seed: number, options: SimulationOptions) {
    this.#random = new SeededRandom(seed ^ 0x5eed);
    this.#crashRandom = new SeededRandom(seed ^ 0xc4a5);
    this.#options = options;
    this.#trace = options.trace ?? (() => undefined);
    const nodes = this.#random.pick([2, 2, 2, 3, 3, 4]);
    const replicas = Math.min(nodes, this.#random.chance(0.8) ? 2 : 3);
    this.machine = new SimMachine(seed, { nodes, replicas, trace: this.#trace });
    this.#nemesis = new Nemesis({
      machine: this.machine,
      random: this.#random,
      disksMayFail: this.#disksMayFail,
      count: (fault) => this.#count(fault),
    });
    const now = () => this.#now();
    this.#clients = ['c1', 'c2', 'c3'].map(
      (name) => new SimClient(name, { random: this.#random.fork(), now, trace: this.#trace }),
    );
    this.#trace(`nodes ${nodes}, replicas ${replicas}`);
  }

  async run(): Promise<SimulationResult> {
    await this.machine.initialize();
    const lives = this.#options.lives ?? 2 + this.#random.below(4);
    for (let life = 0; life < lives && this.#problems.length === 0; life++) await this.#live(life);
    if (this.#problems.length === 0) await this.#liveCalmly();
    await this.machine.index.end(null);
    const { bareWrites } = this.machine.mounts;
    if (bareWrites.length > 0) this.#problems.push(`written to a bare mount point: ${bareWrites.join(', ')}`);
    const sum = (key: 'acknowledged' | 'locked') => this.#clients.reduce((total, client) => total + client[key], 0);
    return {
      problems: this.#problems,
      acknowledged: sum('acknowledged'),
      locked: sum('locked'),
      ...this.#totals,
      states: this.#seen.size,
      faults: this.#faults,
    };
  }

  async #live(number: number): Promise<void> {
    const life = this.#begin();
    this.#trace(
      `life ${number}: disks here ${this.#pluggedNames()}, index ${this.machine.index.exists ? 'there' : 'gone'}`,
    );
    if (number > 0) this.#planCrash(life, 400);
    if (number > 0 && this.#disksMayFail && this.#random.chance(0.15))
      this.#random.pick(this.machine.nodes).disk.isLying = true;
    if (await this.#opened(life, number > 0)) {
      if (number === 0) this.#planCrash(life, 2_000);
      else {
        await this.#look(life);
        const allHere = this.machine.nodes.every((node) => this.machine.isHere(node));
        if (allHere && !life.refusal && !life.scheduler.ended)
          this.#noteFindings(await this.#guarded('check', life, life.check()));
      }
      await this.#work(life);
    }
    await this.#end(life);
  }

  get #disksMayFail(): boolean {
    return this.#options.disksMayFail !== false;
  }

  #begin(): SimLife {
    if (this.machine.isCreated && this.#random.chance(0.15)) this.machine.wallOffsetMs += this.#nemesis.clockJump();
    const life = new SimLife(this.machine);
    this.#life = life;
    const perPoint = this.#options.statesPerPoint ?? 6;
    if (perPoint > 0 && this.machine.isCreated) this.#imagineCrashes(life, perPoint);
    return life;
  }

  /** At some steps, more often where the engine does what it does rarely. */
  #imagineCrashes(life: SimLife, perPoint: number): void {
    let changes = 0;
    life.scheduler.onStep = async () => {
      const { changes: now, rareChanges } = life.io;
      const isChanged = now > changes;
      changes = now;
      if (!isChanged || this.#problems.length > 0) return;
      const chance = rareChanges.delete('yes') ? 0.193 : 0.1005;
      if (!this.#crashRandom.chance(chance)) return;
      for (let count = 0; count < perPoint && this.#problems.length === 0; count++) {
        await this.#imagine(drawCrash(this.machine, this.#crashRandom, this.#crashOptions));
      }
    };
  }

  get #crashOptions(): CrashOptions {
    return {
      indexMayBeLost: this.#options.indexMayBeLost !== false,
      disksMayFail: this.#disksMayFail,
      oldIndexes: this.#oldIndexes,
    };
  }

  /** The latest that the wall showed: a lock that lapsed may or may not be there again when the clock goes back. */
  #now(): number {
    this.#latest = Math.max(this.#latest, this.#life?.clock.now() ?? 0);
    return this.#latest;
  }

  /** The process ends at some step of its scheduler. */
  #planCrash(life: SimLife, most: number): void {
    if (this.#random.chance(0.25)) return;
    const at = life.scheduler.steps + 1 + this.#random.below(this.#random.chance(0.3) ? 60 : most);
    life.scheduler.endAt = at;
  }

  /** A state that a crash may leave, opened and looked at. */
  async #imagine(state: CrashState): Promise<void> {
    if (this.#seen.has(state.name)) return;
    this.#seen.add(state.name);
    for (const fault of state.faults) this.#count(fault);
    const { problems, isRefused } = await glanceAt(state, {
      machine: this.machine,
      clients: this.#clients,
      wallOffsetMs: this.#life!.clock.wallOffsetMs,
      now: () => this.#now(),
      number: this.#seen.size,
      trace: this.#trace,
    });
    if (isRefused) this.#totals.refusals++;
    this.#problems.push(...problems);
  }

  /** What is wrong in the index itself; a copy in doubt counts as bad until it was verified. */
  #noteFindings(checked: { readonly value: { readonly findings: readonly string[] } } | undefined): void {
    const findings = checked?.value.findings ?? [];
    this.#problems.push(...findings.filter((finding) => !finding.endsWith(noCopyLeft)).map((text) => `check: ${text}`));
  }

  #count(fault: string): void {
    this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + 1);
  }

  async #opened(life: SimLife, mayBeRefused: boolean): Promise<boolean> {
    const outcome = await this.#guarded('opening', life, life.open());
    if (!outcome) return false;
    if (life.refusal) {
      this.#trace(`refused: ${life.refusal.message}`);
      const allHere = this.machine.nodes.every((node) => this.machine.isHere(node));
      if ((allHere && !this.#isDamaged) || !mayBeRefused)
        this.#problems.push(`refused with every disk here: ${life.refusal.message}`);
      return life.isOpen && this.#problems.length === 0;
    }
    this.machine.isCreated = true;
    this.machine.isUnsettled = false;
    return true;
  }

  async #work(life: SimLife): Promise<void> {
    const volume = life.volume;
    for (let round = 0; round < 3 && !life.scheduler.ended; round++) {
      if (this.#nemesis.strike(life)) this.#isDamaged = true;
      const count = 1 + this.#random.below(3);
      const work = Promise.all(this.#clients.map((client) => client.work(volume, count)));
      if (!(await this.#guarded('work', life, work))) return;
      if (this.#random.chance(0.5)) await this.#guarded('pause', life, life.clock.sleep(this.#random.below(5_000)));
    }
    if (!life.scheduler.ended) await this.#look(life);
  }

  async #end(life: SimLife): Promise<void> {
    this.#totals.operations += life.io.operations;
    this.#totals.steps += life.scheduler.steps;
    this.#totals.crashes++;
    if (!life.scheduler.ended && life.isOpen && this.#problems.length === 0 && this.#random.chance(0.3)) {
      this.#trace('closes');
      await this.#guarded('close', life, life.close());
    }
    const state = drawCrash(this.machine, this.#random, this.#crashOptions);
    this.#trace(`ends: ${state.faults.join(', ')}`);
    if (state.isExchanged) this.#isDamaged = true;
    life.scheduler.end();
    this.machine.wallOffsetMs = life.clock.wallOffsetMs;
    await this.machine.become(state);
    if (state.index) this.#oldIndexes.unshift(state.index);
    this.#oldIndexes.splice(backupsKept);
    for (const { older, disk, parked } of this.machine.nodes) {
      older.unshift((parked ?? disk).clone());
      older.splice(backupsKept);
    }
  }

  /** Everything is plugged in and nothing fails any more: all must be there, readable and whole. */
  async #liveCalmly(): Promise<void> {
    const { machine } = this;
    for (const node of machine.nodes) {
      if (node.parked) node.disk = node.parked;
      node.parked = undefined;
      machine.putPassportRight(node);
      machine.plug(node);
    }
    this.#trace('last life: every disk is here');
    const life = this.#begin();
    life.expectCalm();
    if (await this.#opened(life, false)) {
      await this.#look(life);
      if (this.#problems.length === 0) await this.#healed(life);
      if (this.#problems.length === 0) await this.#nothingLeft(life);
    }
    this.#totals.operations += life.io.operations;
    life.scheduler.end();
  }

  async #healed(life: SimLife): Promise<void> {
    const until = life.clock.monotonic() + healedWithinMs;
    for (;;) {
      const report = await this.#guarded('check', life, life.check());
      if (!report) return;
      const { findings, degraded } = report.value;
      if (findings.length + degraded.length === 0) break;
      // A copy in doubt counts as bad until it was verified; what is wrong in the index itself never gets right.
      const isFinal = findings.some((finding) => !finding.endsWith(noCopyLeft));
      if (isFinal || life.clock.monotonic() > until) {
        this.#problems.push(`not whole after ${healedWithinMs} ms: ${[...findings, ...degraded].join('; ')}`);
        describeDisks(life, this.#trace);
        return;
      }
      await this.#guarded('healing', life, life.clock.sleep(5_000));
    }
    await this.#look(life);
  }

  /** Everything on the nodes is accounted for; nothing is held open or kept back when the process ends well. */
  async #nothingLeft(life: SimLife): Promise<void> {
    await this.#guarded('clearing', life, life.clock.sleep(clearedWithinMs));
    if (this.#problems.length > 0) return;
    this.#problems.push(
      ...leftBehind(
        life,
        this.#clients.map(({ model }) => model.tree),
      ),
    );
    if (!(await this.#guarded('close', life, life.close()))) return;
    for (const { path } of life.io.openFiles) this.#problems.push(`left open: ${path}`);
    if (this.#problems.length > 0) describeDisks(life, this.#trace);
  }

  /** Compares what the drive shows with what the clients know. */
  async #look(life: SimLife): Promise<void> {
    const allHere = this.machine.nodes.every((node) => this.machine.isHere(node));
    for (const client of this.#clients) {
      const { engine } = life;
      const mayMeetFaults = this.#hasFaults();
      // What a drive shows that cannot take changes may be what it knew before.
      if (!engine || life.refusal) return;
      const looked = await this.#guarded('look', life, lookOf(client, life));
      if (!looked) return;
      if (!looked.value || life.engine !== engine) continue;
      const { seen, unreadable } = looked.value;
      if (unreadable.length > 0) {
        // With disks away the copies may be away too; what is there is judged when they are back.
        const isOnline = life.nodes.all.every(({ state }) => state === 'online' || state === 'foreign');
        if (allHere && isOnline && !mayMeetFaults) {
          this.#problems.push(...unreadable);
          describeDisks(life, this.#trace);
        }
      }
      const problem = client.model.settle(seen, this.#now());
      if (problem !== undefined) this.#problems.push(`${client.model.name}: ${problem}`);
    }
  }

  #hasFaults(): boolean {
    return this.machine.nodes.some(({ disk }) => disk.faults.length > 0);
  }

  async #guarded<T>(what: string, life: SimLife, work: Promise<T>): Promise<{ value: T } | undefined> {
    try {
      return await life.run(work);
    } catch (error) {
      this.#problems.push(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      return undefined;
    }
  }

  #pluggedNames(): string {
    const here = this.machine.nodes.filter((node) => this.machine.isPlugged(node));
    return here.map(({ path }) => path.slice(1)).join('') || 'none';
  }
}

/** undefined when the drive was opened again meanwhile. */
async function lookOf(client: SimClient, life: SimLife): Promise<Awaited<ReturnType<SimClient['look']>> | undefined> {
  const { engine } = life;
  try {
    return await client.look(life.volume);
  } catch (error) {
    if (life.engine === engine || !hasCode(error, 'UNAVAILABLE', 'CLOSED')) throw error;
    return undefined;
  }
}
