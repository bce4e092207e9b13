/** The commands for a drive's nodes, each in a file of its own. */
import type { Advice, DiskCommands } from '../../drive-disks.js';
import { examine } from '../doctor/examination.js';
import { keepAway } from './away-nodes.js';
import { drainNode, replaceNode } from './draining.js';
import { healNow, rebalanceNow } from './healing.js';
import { changeMember, type MembershipParts, memberCalled, membersOf, requireLabel } from './member-changes.js';
import { letSleep } from './sleepy-nodes.js';
import { letStay, unplugNodes } from './unplug.js';

type Options<M extends keyof DiskCommands> = Parameters<DiskCommands[M]>[0];

export class VolumeDisks implements DiskCommands {
  private readonly parts: MembershipParts;

  constructor(parts: MembershipParts) {
    this.parts = parts;
  }

  async describe({ node, label, weight }: Options<'describe'>): Promise<void> {
    const row = memberCalled(this.parts, node);
    if (label !== undefined)
      requireLabel(
        label,
        membersOf(this.parts).filter(({ id }) => id !== row.id),
      );
    await changeMember(this.parts, row, {
      ...(label === undefined ? {} : { label }),
      ...(weight === undefined ? {} : { weight }),
    });
  }

  drain(options: Options<'drain'>) {
    return drainNode(this.parts, options);
  }

  replace(options: Options<'replace'>) {
    return replaceNode(this.parts, options);
  }

  away(options: Options<'away'>) {
    return keepAway(this.parts, options);
  }

  sleep(options: Options<'sleep'>) {
    return letSleep(this.parts, options);
  }

  unplug(options: Options<'unplug'>) {
    return unplugNodes(this.parts, options);
  }

  stay(options: Options<'stay'>) {
    return letStay(this.parts, options);
  }

  heal(options: Options<'heal'>) {
    return healNow(this.parts, options);
  }

  rebalance(options: Options<'rebalance'>) {
    return rebalanceNow(this.parts, options);
  }

  examine(): Promise<readonly Advice[]> {
    return examine(this.parts);
  }
}
