/**
 * Looks at the drive every few seconds for what no event of its own tells: a maintenance window whose time is over, a
 * copy that is overdue, a node that was emptied, and that the volume is better or worse protected than before.
 */
import type { Clock } from '../../core/clock.js';
import { shellWord } from '../../core/text/shell-word.js';
import type { DriveStatus, Health } from '../../drive-status.js';
import type { DriveEvents } from '../drive-events.js';
import type { DriveNodes } from '../drive-nodes.js';
import type { Absences } from '../members/absences.js';

export interface WatchOptions {
  readonly clock: Clock;
  readonly nodes: DriveNodes;
  readonly absences: Absences;
  readonly events: DriveEvents;
  readonly status: () => Promise<DriveStatus>;
}

const lookMs = 5_000;
/** An overdue copy is told of once a day. */
const againMs = 24 * 3_600_000;

export class DriveWatch {
  private readonly options: WatchOptions;
  private readonly told = new Map<string, number>();
  private readonly toldEmpty = new Set<string>();
  private health: Health | undefined;
  private cancel: () => void = () => undefined;
  private isClosed = false;

  constructor(options: WatchOptions) {
    this.options = options;
  }

  start(): void {
    this.cancel = this.options.clock.schedule(lookMs, () => {
      void this.look()
        // Status answers while the volume is opened again; closed, there is nothing to watch.
        .catch(() => undefined)
        .finally(() => {
          if (!this.isClosed) this.start();
        });
    });
  }

  /** One look; also for tests. */
  async look(): Promise<void> {
    await this.endWindows();
    const status = await this.options.status();
    this.tellOverdue(status);
    this.tellEmpty(status);
    this.tellHealth(status);
  }

  close(): void {
    this.isClosed = true;
    this.cancel();
  }

  private async endWindows(): Promise<void> {
    const { absences, nodes, events } = this.options;
    for (const id of await absences.closeEnded()) {
      const node = nodes.get(id);
      node?.describe({ isLeaving: false });
      if (!node) continue;
      if (node.state === 'online') events.report('info', `${node.label} was not unplugged: it takes new files again`);
      else {
        const message = `the time for which ${node.label} might be unplugged is over, and it is not back: its copies are made elsewhere now`;
        events.report('warning', message, 'window-over');
      }
    }
  }

  private tellOverdue({ nodes }: DriveStatus): void {
    const { clock, events } = this.options;
    const now = clock.now();
    for (const { id, label, state, copy } of nodes) {
      const isDue = copy !== undefined && copy.due !== null && copy.due < now && state !== 'online';
      if (!isDue) this.told.delete(id);
      else if (now - (this.told.get(id) ?? Number.NEGATIVE_INFINITY) >= againMs) {
        this.told.set(id, now);
        const days = Math.floor((now - (copy.current ?? now)) / 86_400_000);
        const message = `${label} is overdue: its copy is ${days} days old; plug it in to make it current`;
        events.report('warning', message, 'copy-overdue');
      }
    }
  }

  private tellEmpty({ nodes, volume }: DriveStatus): void {
    for (const { id, label, role, usedBytes } of nodes) {
      if (role !== 'draining') this.toldEmpty.delete(id);
      else if (usedBytes === 0 && !this.toldEmpty.has(id)) {
        this.toldEmpty.add(id);
        const command = `holdfast node remove ${shellWord(volume.directory)} ${shellWord(label)}`;
        this.options.events.report('info', `${label} is empty: it may be removed (${command})`, 'node-empty');
      }
    }
  }

  private tellHealth({ health, protection, nodes }: DriveStatus): void {
    const before = this.health;
    // Fewer copies because of what was unplugged on purpose: that is known, and no alarm.
    if (health === 'degraded' && nodes.some((node) => node.state === 'offline' && node.mayBeGoneUntil !== undefined))
      return;
    this.health = health;
    if (before === undefined ? health === 'good' : before === health) return;
    const level = health === 'good' ? 'info' : health === 'damaged' ? 'error' : 'warning';
    this.options.events.report(level, `the volume is ${health.toUpperCase()}: ${protection}`, health);
  }
}
