/** What happens to disks and clock while an engine runs: at most one disk at a time beyond those that are away. */
import { damage } from './adversary.js';
import type { SeededRandom } from './seeded-random.js';
import type { PlannedFault } from './sim-disk.js';
import type { SimLife } from './sim-life.js';
import type { SimMachine, SimNode } from './sim-machine.js';

const dayMs = 86_400_000;
/** Two days back, ten years on, beyond 32 bits of seconds, and an hour back. */
const clockJumps = [-2 * dayMs, 3_653 * dayMs, 5_500 * dayMs, -3_600_000];

export interface NemesisOptions {
  readonly machine: SimMachine;
  readonly random: SeededRandom;
  readonly disksMayFail: boolean;
  readonly count: (fault: string) => void;
}

export class Nemesis {
  readonly #options: NemesisOptions;
  #hasDamaged = false;

  constructor(options: NemesisOptions) {
    this.#options = options;
  }

  /** Perhaps plans something for the next steps. True when some disk no longer holds what was written to it. */
  strike(life: SimLife): boolean {
    const { machine, random, disksMayFail } = this.#options;
    const chance = random.next();
    const here = machine.nodes.filter((node) => machine.isPlugged(node));
    const away = machine.nodes.filter((node) => !machine.isPlugged(node));
    const delay = random.below(30);
    if (chance < 0.2 && here.length > 1) {
      const node = random.pick(here);
      soon(life, delay, () => machine.isPlugged(node) && machine.pull(node));
    } else if (chance < 0.5 && away.length > 0) {
      const node = random.pick(away);
      soon(life, delay, () => !machine.isPlugged(node) && machine.plug(node));
    } else if (chance < 0.65 && disksMayFail && here.length > 1) {
      this.#planFault(random.pick(here));
    } else if (chance < 0.72 && disksMayFail && here.length > 0) {
      this.#damageNow(random.pick(here));
    } else if (chance < 0.76) life.clock.wallOffsetMs += this.clockJump();
    return this.#hasDamaged;
  }

  clockJump(): number {
    const jump = this.#options.random.pick(clockJumps);
    this.#options.count(jump < 0 ? 'clock back' : 'clock forward');
    return jump;
  }

  #planFault(node: SimNode): void {
    const { machine, random, count } = this.#options;
    const operation = random.pick<PlannedFault['operation']>(['read', 'write', 'sync', 'open', 'name', 'any']);
    const kind = random.pick<PlannedFault['kind']>(['EIO', 'EIO', 'ENOSPC', 'EROFS', 'hang']);
    const fault = { operation, kind, after: random.below(20), sticky: random.chance(0.3) };
    machine.trace(`disk ${node.path} will fail: ${JSON.stringify(fault)}`);
    count(kind);
    node.disk.plan(fault);
  }

  #damageNow(node: SimNode): void {
    const { machine, random, count } = this.#options;
    if (!machine.isHere(node) || !machine.isExpendable(node)) return;
    const kind = damage(node.disk, random, node.older.at(-1));
    machine.putPassportRight(node);
    machine.trace(`disk ${node.path}: ${kind ?? 'not damaged'}`);
    if (!kind) return;
    this.#hasDamaged = true;
    count(`${kind}, running`);
  }
}

function soon(life: SimLife, steps: number, act: () => void): void {
  life.scheduler.atStep(life.scheduler.steps + 1 + steps, act);
}
