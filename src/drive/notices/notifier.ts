/**
 * Hands events that people want to be told of to the command or webhook that the operator set: one at a time, each with
 * a deadline, none twice. It never holds up anything: what does not fit its short queue is left out and counted. A failure
 * is told once, until one gets through again.
 */
import type { NoticeTarget } from '../../config/operator-file.js';
import type { Clock } from '../../core/clock.js';
import { DriveError } from '../../core/errors.js';
import type { DriveEvent, NoticeCommands } from '../../drive-contract.js';
import type { OperatorSettings } from '../members/operator-settings.js';
import { sendNotice, targetName } from './notice-senders.js';

export interface NotifierOptions {
  readonly settings: OperatorSettings;
  readonly clock: Clock;
  readonly volume: { readonly id: string; readonly name: string };
  /** For the log: failures. */
  readonly report: (level: DriveEvent['level'], message: string) => void;
}

const queueLimit = 100;
const deadlineMs = 10_000;
/** At closing, what waits has this long. */
const closingMs = 3_000;

export class Notifier implements NoticeCommands {
  private readonly options: NotifierOptions;
  private readonly stop = new AbortController();
  private readonly queue: DriveEvent[] = [];
  private omitted = 0;
  private running: Promise<void> | undefined;
  private isFailing = false;

  constructor(options: NotifierOptions) {
    this.options = options;
  }

  /** Every event of the drive; those without a kind are for the log alone. */
  readonly offer = (event: DriveEvent): void => {
    if (event.kind === undefined || !this.target || this.stop.signal.aborted) return;
    if (this.queue.length >= queueLimit) this.omitted += 1;
    else this.queue.push(event);
    this.running ??= this.run();
  };

  async describe(): Promise<{ readonly target: string | null }> {
    return { target: this.target ? targetName(this.target) : null };
  }

  async set(target: NoticeTarget | null): Promise<void> {
    if (target && 'webhook' in target && !isWebAddress(target.webhook)) {
      throw new DriveError('USAGE', {
        message: 'a webhook is an address that begins with http:// or https://',
        hint: 'holdfast notify DIR --webhook https://HOST/PATH',
      });
    }
    this.isFailing = false;
    await this.options.settings.change({ notices: target });
  }

  /** UNAVAILABLE with the reason. NOT_FOUND when nothing is set. */
  async test(): Promise<void> {
    const { target } = this;
    if (!target) {
      throw new DriveError('NOT_FOUND', {
        message: 'no command and no webhook is set for notices',
        hint: 'set one: holdfast notify DIR --command PROGRAM, or --webhook ADDRESS',
      });
    }
    const time = this.options.clock.now();
    try {
      await this.deliver(target, { time, level: 'info', kind: 'test', message: 'this is a test of the notices' });
    } catch (error) {
      throw new DriveError('UNAVAILABLE', {
        message: `${targetName(target)} did not take the notice: ${(error as Error).message}`,
        hint: 'try it by hand, correct it, and set it again',
      });
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const { clock } = this.options;
    const waiting = new AbortController();
    const giveUp = clock.sleep(closingMs, { signal: waiting.signal }).then(() => this.stop.abort());
    await this.running;
    waiting.abort();
    await giveUp;
  }

  private get target(): NoticeTarget | null {
    return this.options.settings.current.notices;
  }

  private async run(): Promise<void> {
    for (let event = this.queue.shift(); event; event = this.queue.shift()) {
      const { target } = this;
      if (!target || this.stop.signal.aborted) continue;
      try {
        await this.deliver(target, event);
        this.isFailing = false;
      } catch (error) {
        this.tellFailure(target, error as Error);
      }
    }
    this.running = undefined;
  }

  private async deliver(target: NoticeTarget, event: DriveEvent): Promise<void> {
    const { volume, clock } = this.options;
    const ended = new AbortController();
    const cancel = clock.schedule(deadlineMs, () => ended.abort());
    const { omitted } = this;
    try {
      const signal = AbortSignal.any([ended.signal, this.stop.signal]);
      await sendNotice(target, { volume: volume.name, volumeId: volume.id, ...event, omitted }, signal);
      this.omitted -= omitted;
    } finally {
      cancel();
    }
  }

  private tellFailure(target: NoticeTarget, { message }: Error): void {
    if (!this.isFailing) {
      this.options.report(
        'warning',
        `a notice was not delivered, ${targetName(target)}: ${message}; it is not sent again`,
      );
    }
    this.isFailing = true;
  }
}

function isWebAddress(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}
