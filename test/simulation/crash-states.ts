/**
 * What a crash may leave. From the machine as it runs, with the unsynced writes and names of each disk and the commits
 * of its index, any number of outcomes can be drawn: each is a machine of its own, ready to be opened.
 */

import { nameOf } from './index-slots.js';
import type { SeededRandom } from './seeded-random.js';
import type { MachineState, SimMachine } from './sim-machine.js';

export interface CrashState extends MachineState {
  /** How it came about; each is counted. */
  readonly faults: readonly string[];
  /** Equal for states that no opening can tell apart. */
  readonly name: string;
}

export interface CrashOptions {
  readonly indexMayBeLost: boolean;
}

export function drawCrash(machine: SimMachine, random: SeededRandom, options: CrashOptions): CrashState {
  const faults: string[] = [];
  const isPowerCut = random.chance(0.7);
  faults.push(isPowerCut ? 'power cut' : 'kill');
  const disks = machine.nodes.map((node) => ({ disk: node.disk.fork(), isPlugged: machine.isPlugged(node) }));
  for (const { disk } of disks) {
    if (isPowerCut) disk.loseMemory(random);
    disk.faults = [];
    disk.mounting++;
  }
  const states = machine.index.states(isPowerCut);
  let index = pickCommit(states, random);
  if (isPowerCut && index !== states.at(-1)) faults.push('index behind');
  for (const [number, part] of disks.entries()) {
    const { disk } = part;
    if (!part.isPlugged) {
      if (!random.chance(0.5)) continue;
      disks[number] = { disk, isPlugged: true };
      faults.push('disk back');
    } else if (random.chance(0.1)) {
      disk.loseMemory(random);
      disks[number] = { disk, isPlugged: false };
      faults.push('disk away');
    }
  }
  if (options.indexMayBeLost && random.chance(0.07)) {
    index = null;
    faults.push('index lost');
  }
  const name = [index ? nameOf(index) : '', ...disks.map((part) => (part.isPlugged ? part.disk.hash : ''))].join('\n');
  return { disks, index, faults, name };
}

/** Mostly the last or the first that is allowed: those are the ends of what can happen. */
function pickCommit<T>(states: readonly T[], random: SeededRandom): T {
  const chance = random.next();
  if (chance < 0.4) return states.at(-1)!;
  if (chance < 0.6) return states[0]!;
  return random.pick(states);
}
