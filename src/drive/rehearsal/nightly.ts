/** Rehearses the rebuild every night, or as soon as the machine is on again after a night that it missed. */
import type { Clock } from '../../core/clock.js';
import { hasCode, sayWithHint } from '../../core/errors.js';
import type { RehearsalReport } from './rehearsal.js';

export interface NightlyOptions {
  readonly clock: Clock;
  readonly last: () => RehearsalReport | undefined;
  readonly rehearse: (signal: AbortSignal) => Promise<RehearsalReport>;
  /** It could not be done at all (no room for a second index, say). */
  readonly onTrouble: (message: string) => void;
}

const hourMs = 3_600_000;
const lookMs = hourMs / 4;
/** What could not be done at all (no room) is not tried at each look: it would be told each time. */
const afterTroubleMs = 8 * hourMs;
/** Local time: people and their backups sleep. */
const nightBegins = 2;
const nightEnds = 5;

export class NightlyRehearsal {
  readonly #options: NightlyOptions;
  readonly #openedMs: number;
  readonly #stop = new AbortController();
  #troubleMs = Number.NEGATIVE_INFINITY;
  #cancel: () => void = () => undefined;
  #running: Promise<void> | undefined;

  constructor(options: NightlyOptions) {
    this.#options = options;
    this.#openedMs = options.clock.now();
    this.#schedule();
  }

  /** Ends one that runs. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#cancel();
    await this.#running;
  }

  #schedule(): void {
    if (this.#stop.signal.aborted) return;
    this.#cancel = this.#options.clock.schedule(lookMs, () => {
      this.#running = this.#look().finally(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    const { clock, last, rehearse, onTrouble } = this.#options;
    const report = last();
    const hasFailed = report !== undefined && report.differences > 0;
    if (clock.monotonic() - this.#troubleMs < afterTroubleMs) return;
    if (!isDue(clock.now(), this.#openedMs, report?.time, { hasFailed })) return;
    try {
      await rehearse(this.#stop.signal);
    } catch (error) {
      if (hasCode(error, 'ABORTED', 'CLOSED')) return;
      this.#troubleMs = clock.monotonic();
      onTrouble(sayWithHint(error));
    }
  }
}

/** All in milliseconds since 1970. A new volume gets its first one after an hour; one that failed is not kept for a day. */
export function isDue(now: number, opened: number, last: number | undefined, { hasFailed = false } = {}): boolean {
  if (last === undefined) return now - opened >= hourMs;
  const hour = new Date(now).getHours();
  const isNight = hour >= nightBegins && hour < nightEnds;
  // A clock that was set back must not stop it for ever.
  const age = Math.abs(now - last);
  return age >= (isNight || hasFailed ? 8 : 30) * hourMs;
}
