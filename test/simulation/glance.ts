/** A state that a crash may leave, opened by the real opening and looked at; nobody goes on with it. */
import type { CrashState } from './crash-states.js';
import { describeDisks } from './describe-disks.js';
import type { SimClient } from './sim-client.js';
import { SimLife } from './sim-life.js';
import type { SimMachine } from './sim-machine.js';

/** After this much simulated time without faults all must be whole again. */
export const healedWithinMs = 120_000;
/** A copy in doubt counts as bad until it was verified. */
export const noCopyLeft = 'has no good copy left';

export interface GlanceOptions {
  readonly machine: SimMachine;
  readonly clients: readonly SimClient[];
  readonly wallOffsetMs: number;
  /** The latest time that the wall showed. */
  readonly now: () => number;
  /** Of the state; it seeds the machine. */
  readonly number: number;
  readonly trace: (line: string) => void;
}

export interface Seen {
  readonly problems: readonly string[];
  /** It could not be opened for changes. */
  readonly isRefused: boolean;
}

/** Every sixteenth state meets the first steps of the background work too: they cost as much as the opening. */
export async function glanceAt(state: CrashState, options: GlanceOptions): Promise<Seen> {
  const isHealing = options.number % 16 === 0;
  if (isHealing || !state.isExchanged) return new Glance(state, options, isHealing).look();
  // With a disk exchanged, a copy that healing had just made may be the last: it counts once its folder was listed.
  const untouched = { ...state, disks: state.disks.map((part) => ({ ...part, disk: part.disk.fork() })) };
  const first = new Glance(state, options, false);
  const seen = await first.look();
  return first.isUnreadable ? new Glance(untouched, options, true).look() : seen;
}

class Glance {
  /** Something could not be read, which healing may change. */
  isUnreadable = false;
  readonly #state: CrashState;
  readonly #options: GlanceOptions;
  readonly #isHealing: boolean;
  readonly #life: SimLife;
  readonly #lines: string[] = [];
  readonly #problems: string[] = [];

  constructor(state: CrashState, options: GlanceOptions, isHealing: boolean) {
    this.#state = state;
    this.#options = options;
    this.#isHealing = isHealing;
    const machine = options.machine.glance(state, options.number, (line) => this.#lines.push(line));
    machine.wallOffsetMs = options.wallOffsetMs;
    this.#life = new SimLife(machine, { isGlance: true, hasBackgroundWork: isHealing });
  }

  async look(): Promise<Seen> {
    const { faults } = this.#state;
    const { number, trace } = this.#options;
    const life = this.#life;
    trace(`imagined ${number}: ${faults.join(', ')}`);
    try {
      await this.#open();
    } catch (error) {
      this.#problems.push(`opening: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    if (this.#problems.length > 0) {
      this.#problems.push(`in imagined state ${number}: ${faults.join(', ')}`);
      for (const line of this.#lines) trace(`  | ${line}`);
      describeDisks(life, trace);
    }
    const isRefused = life.refusal !== undefined;
    life.scheduler.end();
    await life.machine.index.end(null);
    return { problems: this.#problems, isRefused };
  }

  async #open(): Promise<void> {
    const { isEnough } = this.#state;
    const life = this.#life;
    await life.run(life.open());
    if (life.refusal) {
      if (isEnough) this.#problems.push(`refused with enough disks here: ${life.refusal.message}`);
      return;
    }
    for (const client of this.#options.clients) if (!(await this.#ask(client))) break;
    if (this.#isHealing && !life.refusal && isEnough) {
      const { findings } = (await life.run(life.check()))?.value ?? { findings: [] };
      const real = findings.filter((finding) => !finding.endsWith(noCopyLeft));
      this.#problems.push(...real.map((text) => `check: ${text}`));
    }
  }

  /** False when there is nobody to be asked any more. */
  async #ask(client: SimClient): Promise<boolean> {
    const { isEnough, isExchanged } = this.#state;
    const life = this.#life;
    let looked = await life.run(client.look(life.volume));
    if (looked && looked.value.unreadable.length > 0 && isExchanged) {
      this.isUnreadable = true;
      if (!this.#isHealing) return false;
      await life.run(life.clock.sleep(healedWithinMs));
      looked = await life.run(client.look(life.volume));
    }
    if (!looked) return false;
    const { seen, unreadable } = looked.value;
    if (isEnough) this.#problems.push(...unreadable);
    const problem = client.model.judge(seen, this.#options.now());
    if (problem !== undefined) this.#problems.push(`${client.model.name}: ${problem}`);
    return true;
  }
}
