/**
 * Disks are unplugged, anything is changed, they are plugged in again, on the simulated machine with the drive's own
 * composition. What the drive shows must be what the clients know, at once and after healing, and once more when the
 * index is gone and made anew from all disks: then nothing that was deleted may come back from any of them.
 */
// Before anything else: it replaces what the engine would share with the real machine.
import '../../simulation/simulate.js';
import { SeededRandom } from '../../simulation/seeded-random.js';
import { SimClient } from '../../simulation/sim-client.js';
import { SimLife } from '../../simulation/sim-life.js';
import { SimMachine, type SimNode } from '../../simulation/sim-machine.js';

const rounds = 2;
/** Shorter and longer than the grace of the simulation; healing takes a second. */
const absencesMs = [0, 300, 4_000];
const healedWithinMs = 120_000;

export interface ReplugResult {
  readonly problems: readonly string[];
  readonly acknowledged: number;
  readonly unplugged: number;
}

export async function replugStory(
  seed: number,
  trace: (line: string) => void = () => undefined,
): Promise<ReplugResult> {
  return new ReplugStory(seed, trace).run();
}

class ReplugStory {
  readonly #random: SeededRandom;
  readonly #machine: SimMachine;
  readonly #clients: readonly SimClient[];
  readonly #problems: string[] = [];
  #life: SimLife;
  #unplugged = 0;

  constructor(seed: number, trace: (line: string) => void) {
    this.#random = new SeededRandom(seed ^ 0x9e37);
    const nodes = 2 + this.#random.below(3);
    const replicas = Math.min(nodes, this.#random.chance(0.7) ? 2 : 3);
    this.#machine = new SimMachine(seed, { nodes, replicas, trace });
    this.#life = new SimLife(this.#machine);
    const now = () => this.#life.clock.now();
    this.#clients = ['c1', 'c2'].map((name) => new SimClient(name, { random: this.#random.fork(), now, trace }));
  }

  async run(): Promise<ReplugResult> {
    await this.#machine.initialize();
    await this.#life.run(this.#life.open());
    this.#machine.isCreated = true;
    for (let round = 0; round < rounds && this.#problems.length === 0; round += 1) await this.#replug();
    for (const node of this.#machine.nodes) if (!this.#machine.isPlugged(node)) this.#machine.plug(node);
    if (this.#problems.length === 0) await this.#becomeWhole();
    if (this.#problems.length === 0) await this.#openWithoutIndex();
    this.#life.scheduler.end();
    await this.#machine.index.end(null);
    const { bareWrites } = this.#machine.mounts;
    if (bareWrites.length > 0) this.#problems.push(`written to a bare mount point: ${bareWrites.join(', ')}`);
    const acknowledged = this.#clients.reduce((sum, client) => sum + client.acknowledged, 0);
    return { problems: this.#problems, acknowledged, unplugged: this.#unplugged };
  }

  async #replug(): Promise<void> {
    await this.#work();
    const here = this.#machine.nodes.filter((node) => this.#machine.isPlugged(node));
    const count = 1 + this.#random.below(here.length - 1);
    const chosen: SimNode[] = [];
    while (chosen.length < count) {
      const node = this.#random.pick(here.filter((each) => !chosen.includes(each)));
      chosen.push(node);
      this.#machine.pull(node);
      if (this.#random.chance(0.5)) await this.#work();
    }
    this.#unplugged += count;
    await this.#work();
    await this.#sleep(this.#random.pick(absencesMs));
    await this.#work();
    for (const node of chosen) {
      this.#machine.plug(node);
      if (this.#random.chance(0.5)) await this.#sleep(this.#random.below(2_000));
      if (this.#random.chance(0.5)) await this.#work();
    }
    await this.#sleep(this.#random.pick(absencesMs));
    await this.#look('after a return');
  }

  async #becomeWhole(): Promise<void> {
    for (const until = this.#life.clock.monotonic() + healedWithinMs; ; ) {
      const { findings, degraded } = await this.#run(this.#life.check());
      if (findings.length + degraded.length === 0) break;
      if (this.#life.clock.monotonic() > until) {
        this.#problems.push(`not whole with every disk here: ${[...findings, ...degraded].join('; ')}`);
        return;
      }
      await this.#sleep(1_000);
    }
    await this.#look('when all is whole');
  }

  async #openWithoutIndex(): Promise<void> {
    await this.#run(this.#life.close());
    this.#life.scheduler.end();
    await this.#machine.index.end(null);
    this.#life = new SimLife(this.#machine);
    await this.#run(this.#life.open());
    if (this.#life.refusal) this.#problems.push(`refused without its index: ${this.#life.refusal.message}`);
    else await this.#look('from the disks alone');
  }

  async #work(): Promise<void> {
    const { volume } = this.#life;
    await this.#run(Promise.all(this.#clients.map((client) => client.work(volume, 1 + this.#random.below(5)))));
  }

  async #look(when: string): Promise<void> {
    if (this.#life.refusal) return;
    for (const client of this.#clients) {
      const { seen, unreadable } = await this.#run(client.look(this.#life.volume));
      const problem = client.model.settle(seen, this.#life.clock.now());
      if (problem !== undefined) this.#problems.push(`${when}, ${client.model.name}: ${problem}`);
      this.#problems.push(...unreadable.map((file) => `${when}: ${file}`));
    }
  }

  #sleep(durationMs: number): Promise<void> {
    return this.#run(this.#life.clock.sleep(durationMs));
  }

  async #run<T>(work: Promise<T>): Promise<T> {
    return (await this.#life.run(work))!.value;
  }
}
