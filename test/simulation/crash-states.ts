/**
 * What a crash may leave. From the machine as it runs, with the unsynced writes and names of each disk and the commits
 * of its index, any number of outcomes can be drawn: each is a machine of its own, ready to be opened. Beside what the
 * crash loses, disks may be gone, back, damaged or exchanged, and the index lost or old.
 */
import { hash } from 'node:crypto';
import { damage, exchange } from './adversary.js';
import { type DiskOfNode, isExpendable } from './expendable.js';
import { type IndexState, nameOf } from './index-slots.js';
import type { SeededRandom } from './seeded-random.js';
import type { SimDisk } from './sim-disk.js';
import type { MachineState, SimMachine } from './sim-machine.js';

export interface CrashState extends MachineState {
  /** How it came about; each is counted. */
  readonly faults: readonly string[];
  /** Equal for states that no opening can tell apart. */
  readonly name: string;
  /** All that was acknowledged can be had: the drive must open, and show it. */
  readonly isEnough: boolean;
  /** One disk is not what it was. */
  readonly isExchanged: boolean;
}

export interface CrashOptions {
  readonly indexMayBeLost: boolean;
  readonly disksMayFail: boolean;
  /** As it was when lives ended. */
  readonly oldIndexes: readonly IndexState[];
}

interface Part {
  readonly id: string;
  disk: SimDisk;
  isPlugged: boolean;
  parked: SimDisk | undefined;
  readonly older: readonly SimDisk[];
}

/** Of 100 states. */
const often = { damage: 0.12, exchange: 0.08, away: 0.08, back: 0.5, indexLost: 0.06, indexOld: 0.05 };

export function drawCrash(machine: SimMachine, random: SeededRandom, options: CrashOptions): CrashState {
  return new Drawing(machine, random, options).draw();
}

class Drawing {
  readonly #machine: SimMachine;
  readonly #random: SeededRandom;
  readonly #options: CrashOptions;
  readonly #parts: Part[];
  readonly #faults: string[] = [];
  #isUnsettled: boolean;
  /** At most one disk is not what it was. */
  #victim: Part | undefined;

  constructor(machine: SimMachine, random: SeededRandom, options: CrashOptions) {
    this.#machine = machine;
    this.#random = random;
    this.#options = options;
    this.#isUnsettled = machine.isUnsettled;
    this.#parts = machine.nodes.map((node) => ({
      id: node.id,
      disk: node.disk.fork(),
      isPlugged: machine.isPlugged(node),
      parked: node.parked,
      older: node.older,
    }));
  }

  draw(): CrashState {
    const isPowerCut = this.#random.chance(0.7);
    this.#note(isPowerCut ? 'power cut' : 'kill');
    this.#loseMemory(isPowerCut);
    this.#movePlugs();
    if (this.#options.disksMayFail) this.#breakOne();
    const index = this.#pickIndex(isPowerCut);
    const parts = this.#parts;
    const isAllHere = parts.every((part) => isHere(part) || part === this.#victim);
    // Without an index more than half of the nodes must be here; one that bit rot hides is not.
    const isEnough = isAllHere && (!this.#isUnsettled || !this.#victim);
    const disks = parts.map(({ disk, isPlugged, parked }) => ({ disk, isPlugged, parked }));
    const isExchanged = this.#victim !== undefined;
    const names = [index ? nameOf(index) : '', ...parts.map((part) => (part.isPlugged ? part.disk.hash : ''))];
    return {
      disks,
      index,
      faults: this.#faults,
      name: hash('sha1', names.join('\n')),
      isEnough,
      isExchanged,
      isUnsettled: this.#isUnsettled || isExchanged,
    };
  }

  #loseMemory(isPowerCut: boolean): void {
    const liars = this.#parts.filter(({ disk }) => disk.isLying);
    const honest = this.#parts.filter((part) => !part.disk.isLying);
    if (isPowerCut) for (const { disk } of honest) disk.loseMemory(this.#random);
    for (const liar of liars) {
      const others = honest.filter(isHere);
      if (!isPowerCut || !isHere(liar) || !isExpendable(liar, others)) liar.disk.flush();
      else {
        liar.disk.loseMemory(this.#random);
        this.#victim = liar;
        this.#note('lost writes that were told as synced');
      }
      liar.disk.isLying = false;
    }
    for (const { disk } of this.#parts) {
      disk.faults = [];
      disk.mounting++;
    }
  }

  #movePlugs(): void {
    for (const part of this.#parts) {
      if (part.parked) {
        if (this.#random.chance(often.back)) this.#bringBack(part);
      } else if (!part.isPlugged) {
        if (!this.#random.chance(often.back)) continue;
        part.isPlugged = true;
        this.#note('disk back');
      } else if (this.#random.chance(often.away)) {
        // Who could have gone on alone is known to the index only, and what a disk lost to the others.
        if ((this.#isUnsettled || this.#victim) && !this.#isExpendable(part)) continue;
        part.disk.loseMemory(this.#random);
        part.isPlugged = false;
        this.#note('disk away');
      }
    }
  }

  #bringBack(part: Part): void {
    part.disk = part.parked!.fork();
    part.parked = undefined;
    part.isPlugged = true;
    this.#note('own disk back');
  }

  #breakOne(): void {
    const random = this.#random;
    const isDamage = random.chance(often.damage);
    const isExchange = !isDamage && random.chance(often.exchange);
    if ((!isDamage && !isExchange) || this.#victim) return;
    const part = random.pick(this.#parts);
    const others = this.#parts.filter((other) => other !== part && isHere(other));
    if (!isHere(part) || others.length === 0 || !this.#isExpendable(part)) return;
    const older = part.older.length > 0 ? random.pick(part.older) : undefined;
    if (isDamage) {
      const kind = damage(part.disk, random, older);
      if (!kind) return;
      this.#note(kind);
    } else {
      const exchanged = exchange(part.disk, random, { older, other: random.pick(others).disk });
      if (!exchanged) return;
      this.#note(exchanged.kind);
      if (!exchanged.isIts) {
        part.disk.loseMemory(random);
        part.parked = part.disk;
      }
      part.disk = exchanged.disk;
    }
    this.#victim = part;
  }

  #pickIndex(isPowerCut: boolean): IndexState | null {
    const { indexMayBeLost, oldIndexes } = this.#options;
    const random = this.#random;
    const states = this.#machine.index.states(isPowerCut);
    const newest = states.at(-1)!;
    const isLost = random.chance(often.indexLost);
    const isOld = !isLost && oldIndexes.length > 0 && random.chance(often.indexOld);
    if (indexMayBeLost && (isLost || isOld) && !this.#victim && this.#isAllKnown()) {
      if (isLost) {
        this.#note('index lost');
        this.#isUnsettled = true;
        return null;
      }
      this.#note('index of an old backup');
      this.#isUnsettled = true;
      return random.pick(oldIndexes);
    }
    const index = pickCommit(states, random);
    if (index !== newest) this.#note('index behind');
    return index;
  }

  /** Members that are away may have gone on alone, which only the index would know. */
  #isAllKnown(): boolean {
    return this.#parts.every((part) => isHere(part) || this.#isExpendable(part));
  }

  #isExpendable(part: Part): boolean {
    return isExpendable(
      part,
      this.#parts.filter((other) => other !== part && isHere(other)),
    );
  }

  #note(fault: string): void {
    this.#faults.push(fault);
  }
}

const isHere = ({ isPlugged, parked }: Pick<Part, 'isPlugged' | 'parked'> & DiskOfNode): boolean =>
  isPlugged && !parked;

/** Mostly the last or the first that is allowed: those are the ends of what can happen. */
function pickCommit<T>(states: readonly T[], random: SeededRandom): T {
  const chance = random.next();
  if (chance < 0.4) return states.at(-1)!;
  if (chance < 0.6) return states[0]!;
  return random.pick(states);
}
