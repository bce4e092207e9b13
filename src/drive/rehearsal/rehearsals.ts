/** A drive's rehearsals: one at a time, every night and when asked for; what came of the last one is remembered. */
import { DriveError } from '../../core/errors.js';
import { shellWord } from '../../core/text/shell-word.js';
import type { CheckpointStream } from '../../meta/meta-store.js';
import { isReadable } from '../../node/node-state.js';
import type { DriveContext } from '../drive-context.js';
import type { DriveEvents } from '../drive-events.js';
import type { DriveNodes } from '../drive-nodes.js';
import { NightlyRehearsal } from './nightly.js';
import { lastRehearsal, type RehearsalReport, rehearse } from './rehearsal.js';

export interface RehearsalsOptions {
  readonly directory: string;
  readonly volume: string;
  readonly context: DriveContext;
  readonly nodes: DriveNodes;
  readonly events: DriveEvents;
  /** The state of the serving index now. */
  readonly state: () => Promise<CheckpointStream>;
}

export class Rehearsals {
  readonly #options: RehearsalsOptions;
  readonly #nightly: NightlyRehearsal;
  #last: RehearsalReport | undefined;
  #isRunning = false;

  private constructor(options: RehearsalsOptions, last: RehearsalReport | undefined) {
    this.#options = options;
    this.#last = last;
    this.#nightly = new NightlyRehearsal({
      clock: options.context.clock,
      last: () => this.#last,
      rehearse: (signal) => this.run(signal),
      onTrouble: (message) => options.events.report('warning', `the rebuild could not be rehearsed: ${message}`),
    });
  }

  static async open(options: RehearsalsOptions): Promise<Rehearsals> {
    return new Rehearsals(options, await lastRehearsal(options.context.fileIo, options.directory));
  }

  get last(): RehearsalReport | undefined {
    return this.#last;
  }

  /** IN_USE while one runs; otherwise as `rehearse`. */
  async run(signal?: AbortSignal): Promise<RehearsalReport> {
    if (this.#isRunning)
      throw new DriveError('IN_USE', { message: 'a rehearsal is running', hint: 'wait for its end' });
    this.#isRunning = true;
    try {
      let report = await this.#rehearse(signal);
      // A file that a new checkpoint or the cleaner took away meanwhile is no reason for an alarm.
      if (report.differences > 0) report = await this.#rehearse(signal);
      this.#last = report;
      this.#tell(report);
      return report;
    } finally {
      this.#isRunning = false;
    }
  }

  async #rehearse(signal: AbortSignal | undefined): Promise<RehearsalReport> {
    const { directory, volume, context, nodes, state } = this.#options;
    const present = nodes.all.filter((node) => isReadable(node.state));
    const rows = present.map(({ id, label, group, weight, role, path }) => ({ id, label, group, weight, role, path }));
    return rehearse({ directory, volume, context, nodes: rows, state: await state(), signal });
  }

  /** Ends one that the night began. Idempotent. */
  close(): Promise<void> {
    return this.#nightly.close();
  }

  #tell({ files, durationMs, differences, problems }: RehearsalReport): void {
    const { directory, events } = this.#options;
    if (differences === 0) {
      const seconds = (durationMs / 1000).toFixed(1);
      events.report('info', `the rebuild was rehearsed: ${files} files in ${seconds} s, no difference`);
      return;
    }
    events.report(
      'error',
      `the nodes alone would not give back this volume (${problems[0] ?? 'differences'}): keep ${directory} and copy ` +
        `it to another disk, plug in every disk, then "holdfast check ${shellWord(directory)}" and "holdfast rehearse ${shellWord(directory)}"`,
      'not-rebuildable',
    );
  }
}
