/** The last events of a drive, for the log, the status and whoever listens. */
import type { Clock } from '../core/clock.js';
import type { DriveEvent } from '../drive-contract.js';
import type { EventKind } from '../maintenance/event-kind.js';

const keptEvents = 500;

export class DriveEvents {
  private readonly clock: Clock;
  private readonly events: DriveEvent[] = [];
  private readonly listeners = new Set<(event: DriveEvent) => void>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  report(level: DriveEvent['level'], message: string, kind?: EventKind): void {
    const event = { time: this.clock.now(), level, message, ...(kind === undefined ? {} : { kind }) };
    this.events.push(event);
    if (this.events.length > keptEvents) this.events.shift();
    for (const listener of this.listeners) listener(event);
  }

  list(): readonly DriveEvent[] {
    return [...this.events];
  }

  /** The function returned ends it. */
  listen(listener: (event: DriveEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
