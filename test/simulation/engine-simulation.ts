/**
 * The real engine through random lives: clients change files while disks fail, leave and return, the process is killed
 * or the power is cut at any scheduling point, and the index is lost or behind. After each opening, and at the end with
 * every disk back, the clients' folders must hold what was acknowledged.
 */
import { hasCode } from '../../src/core/errors.js';
import { BatchReader } from '../../src/segment/batch-reader.js';
import { SeededRandom } from './seeded-random.js';
import { SimClient } from './sim-client.js';
import type { PlannedFault } from './sim-disk.js';
import { SimLife } from './sim-life.js';
import { SimMachine, type SimNode } from './sim-machine.js';

export interface SimulationResult {
  readonly problems: readonly string[];
  readonly acknowledged: number;
  readonly crashes: number;
  readonly operations: number;
  readonly steps: number;
}

export interface SimulationOptions {
  readonly trace?: (line: string) => void;
  /** Lives before the last, calm one. */
  readonly lives?: number;
  readonly indexMayBeLost?: boolean;
  readonly disksMayFail?: boolean;
}

/** After this much simulated time without faults all must be whole again. */
const healedWithinMs = 120_000;

export async function simulateEngine(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const simulation = new Simulation(seed, options);
  try {
    return await simulation.run();
  } finally {
    simulation.machine.close();
  }
}

class Simulation {
  readonly machine: SimMachine;
  readonly #random: SeededRandom;
  readonly #options: SimulationOptions;
  readonly #clients: SimClient[];
  readonly #trace: (line: string) => void;
  readonly #problems: string[] = [];
  readonly #totals = { crashes: 0, operations: 0, steps: 0 };

  constructor(seed: number, options: SimulationOptions) {
    this.#random = new SeededRandom(seed ^ 0x5eed);
    this.#options = options;
    this.#trace = options.trace ?? (() => undefined);
    const nodes = 2 + this.#random.below(3);
    const replicas = Math.min(nodes, this.#random.chance(0.8) ? 2 : 3);
    this.machine = new SimMachine(seed, { nodes, replicas, trace: this.#trace });
    this.#clients = ['c1', 'c2', 'c3'].map((name) => new SimClient(name, this.#random.fork(), this.#trace));
    this.#trace(`nodes ${nodes}, replicas ${replicas}`);
  }

  async run(): Promise<SimulationResult> {
    await this.machine.initialize();
    const lives = this.#options.lives ?? 2 + this.#random.below(5);
    for (let life = 0; life < lives && this.#problems.length === 0; life++) {
      await this.#live(life);
      if (this.#problems.length === 0) this.#whileOff();
    }
    if (this.#problems.length === 0) await this.#liveCalmly();
    if (this.machine.mounts.bareWrites.length > 0)
      this.#problems.push(`written to a bare mount point: ${this.machine.mounts.bareWrites.join(', ')}`);
    const acknowledged = this.#clients.reduce((sum, client) => sum + client.acknowledged, 0);
    return { problems: this.#problems, acknowledged, ...this.#totals };
  }

  async #live(number: number): Promise<void> {
    const life = new SimLife(this.machine);
    this.#trace(
      `life ${number}: disks here ${this.#pluggedNames()}, index ${this.machine.index.exists ? 'there' : 'gone'}`,
    );
    if (number > 0) this.#planCrash(life, 400);
    if (await this.#opened(life, number > 0)) {
      if (number === 0) this.#planCrash(life, 3_000);
      else await this.#look(life);
      await this.#work(life);
    }
    await this.#end(life);
  }

  /** The process ends at some step of its scheduler. */
  #planCrash(life: SimLife, most: number): void {
    if (this.#random.chance(0.25)) return;
    const at = life.scheduler.steps + 1 + this.#random.below(this.#random.chance(0.3) ? 60 : most);
    life.scheduler.endAt = at;
  }

  async #opened(life: SimLife, mayBeRefused: boolean): Promise<boolean> {
    const opening = life.open();
    const outcome = await this.#guarded('opening', life, opening);
    if (!outcome) return false;
    if (life.refusal) {
      this.#trace(`refused: ${life.refusal.message}`);
      const allHere = this.machine.nodes.every((node) => this.machine.isPlugged(node));
      if (allHere || !mayBeRefused) this.#problems.push(`refused with every disk here: ${life.refusal.message}`);
      return life.isOpen && this.#problems.length === 0;
    }
    this.machine.isCreated = true;
    return true;
  }

  async #work(life: SimLife): Promise<void> {
    const volume = life.volume;
    const nemesis = this.#nemesis(life);
    for (let round = 0; round < 4 && !life.scheduler.ended; round++) {
      nemesis();
      const count = 1 + this.#random.below(4);
      const work = Promise.all(this.#clients.map((client) => client.work(volume, count)));
      if (!(await this.#guarded('work', life, work))) return;
      if (this.#random.chance(0.5)) await this.#guarded('pause', life, life.clock.sleep(this.#random.below(5_000)));
    }
    if (!life.scheduler.ended) await this.#look(life);
  }

  /** Something bad happens to at most one disk at a time beyond those that are away. */
  #nemesis(life: SimLife): () => void {
    return () => {
      const chance = this.#random.next();
      const here = this.machine.nodes.filter((node) => this.machine.isPlugged(node));
      const away = this.machine.nodes.filter((node) => !this.machine.isPlugged(node));
      const delay = this.#random.below(30);
      if (chance < 0.2 && here.length > 1) {
        const node = this.#random.pick(here);
        this.#soon(life, delay, () => this.machine.isPlugged(node) && this.machine.pull(node));
      } else if (chance < 0.5 && away.length > 0) {
        const node = this.#random.pick(away);
        this.#soon(life, delay, () => !this.machine.isPlugged(node) && this.machine.plug(node));
      } else if (chance < 0.65 && this.#options.disksMayFail !== false && here.length > 1) {
        this.#planFault(this.#random.pick(here));
      }
    };
  }

  #soon(life: SimLife, steps: number, act: () => void): void {
    life.scheduler.atStep(life.scheduler.steps + 1 + steps, act);
  }

  #planFault(node: SimNode): void {
    const operation = this.#random.pick<PlannedFault['operation']>(['read', 'write', 'sync', 'open', 'name', 'any']);
    const kind = this.#random.pick<PlannedFault['kind']>(['EIO', 'EIO', 'ENOSPC', 'EROFS', 'hang']);
    const fault = { operation, kind, after: this.#random.below(20), sticky: this.#random.chance(0.3) };
    this.#trace(`disk ${node.path} will fail: ${JSON.stringify(fault)}`);
    node.disk.plan(fault);
  }

  async #end(life: SimLife): Promise<void> {
    this.#totals.operations += life.io.operations;
    this.#totals.steps += life.scheduler.steps;
    this.#totals.crashes++;
    if (!life.scheduler.ended && life.isOpen && this.#problems.length === 0 && this.#random.chance(0.3)) {
      this.#trace('closes');
      await this.#guarded('close', life, life.close());
    }
    life.scheduler.end();
    if (this.#random.chance(0.6)) await this.machine.powerCut();
    else await this.machine.kill();
  }

  #whileOff(): void {
    const { machine } = this;
    for (const node of machine.nodes) {
      if (machine.isPlugged(node)) {
        if (this.#random.chance(0.15)) machine.pull(node);
      } else if (this.#random.chance(0.5)) machine.plug(node);
    }
    if (this.#options.indexMayBeLost !== false && this.#random.chance(0.1)) {
      // Nodes that are away may be the only holders of the newest changes: then the drive must wait for them.
      this.#trace('the index is lost');
      machine.index.lose();
    }
  }

  /** Everything is plugged in and nothing fails any more: all must be there, readable and whole. */
  async #liveCalmly(): Promise<void> {
    const { machine } = this;
    for (const node of machine.nodes) if (!machine.isPlugged(node)) machine.plug(node);
    this.#trace('last life: every disk is here');
    const life = new SimLife(machine);
    if (await this.#opened(life, false)) {
      await this.#look(life);
      if (this.#problems.length === 0) await this.#healed(life);
    }
    this.#totals.operations += life.io.operations;
    life.scheduler.end();
    await machine.kill();
  }

  async #healed(life: SimLife): Promise<void> {
    const until = life.clock.monotonic() + healedWithinMs;
    for (;;) {
      const report = await this.#guarded('check', life, life.check());
      if (!report) return;
      const { findings, degraded } = report.value;
      if (findings.length + degraded.length === 0) break;
      // A copy in doubt counts as bad until it was verified; what is wrong in the index itself never gets right.
      const isFinal = findings.some((finding) => !finding.endsWith('has no good copy left'));
      if (isFinal || life.clock.monotonic() > until) {
        this.#problems.push(`not whole after ${healedWithinMs} ms: ${[...findings, ...degraded].join('; ')}`);
        this.#describeDisks(life);
        return;
      }
      await this.#guarded('healing', life, life.clock.sleep(5_000));
    }
    await this.#look(life);
  }

  /** Compares what the drive shows with what the clients know. */
  async #look(life: SimLife): Promise<void> {
    const allHere = this.machine.nodes.every((node) => this.machine.isPlugged(node));
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
          this.#describeDisks(life);
        }
        continue;
      }
      const problem = client.model.settle(seen);
      if (problem !== undefined) this.#problems.push(`${client.model.name}: ${problem}`);
    }
  }

  /** For people who replay a seed. */
  #describeDisks(life: SimLife): void {
    for (const { path, disk } of this.machine.nodes) {
      for (const { path: name, file } of disk.files()) {
        this.#trace(`  ${path}${name} ${file.sizeBytes} bytes`);
        if (!name.endsWith('.journal')) continue;
        for (const { sequence, previousSequence, operations } of new BatchReader().push(file.contents()))
          this.#trace(
            `    ${sequence} after ${previousSequence}: ${operations.toString().trim().split('\n').join(' ')}`,
          );
      }
    }
    for (const node of life.nodes.all) this.#trace(`  node ${node.label} ${node.id} ${node.state}: ${node.reason}`);
    if (!life.engine) return;
    const { history } = life.engine;
    this.#trace(
      `  forked ${history.forked.join(' ')}; behind ${history.behind.join(' ')}; ${JSON.stringify(history.tip)}`,
    );
    for (const segment of life.engine!.reader.segments('', 1_000)) this.#trace(`  index: ${JSON.stringify(segment)}`);
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
