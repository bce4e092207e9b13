/**
 * Shows a long command's progress on stderr: one line redrawn on a terminal, else a line every 2 s. Driven by the
 * callbacks it gets; it owns no timer.
 */
import type { Clock } from '../../core/clock.js';
import type { Progress } from '../../drive-contract.js';
import { formatBytes, formatCount, formatDuration } from './format.js';
import type { TextSink } from './terminal.js';

const redrawMs = 100;
const lineMs = 2_000;
const barWidth = 24;
const eraseLine = '\r\u001b[K';

export class ProgressLine {
  readonly #sink: TextSink;
  readonly #clock: Clock;
  #shownAt = Number.NEGATIVE_INFINITY;
  #drawn = false;
  /** When the phase that is shown began, and how far it was then. */
  #began = { phase: '', at: 0, done: 0 };

  constructor(options: { readonly sink: TextSink; readonly clock: Clock }) {
    this.#sink = options.sink;
    this.#clock = options.clock;
  }

  readonly show = (progress: Progress): void => {
    const now = this.#clock.monotonic();
    if (progress.phase !== this.#began.phase) this.#began = { phase: progress.phase, at: now, done: progress.done };
    if (now - this.#shownAt < (this.#sink.isTty ? redrawMs : lineMs)) return;
    this.#shownAt = now;
    const line = renderProgress(progress) + renderSpeed(progress, this.#began, now);
    this.#drawn = this.#sink.isTty;
    this.#sink.write(this.#sink.isTty ? `${eraseLine}${line.slice(0, this.#sink.columns - 1)}` : `${line}\n`);
  };

  /** Takes the line away, so that the result starts at the left edge. Idempotent. */
  end(): void {
    if (this.#drawn) this.#sink.write(eraseLine);
    this.#drawn = false;
  }
}

/** `reading segments  [######      ]  50 %  1.2 GiB of 2.4 GiB`; without a total only what is done. */
export function renderProgress({ phase, done, total, unit }: Progress): string {
  const amount = (value: number) => (unit === 'bytes' ? formatBytes(value) : String(value));
  if (total === null) return `${phase}  ${unit === 'bytes' ? formatBytes(done) : formatCount(done, unit, unit)}`;
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(share * barWidth);
  const bar = '#'.repeat(filled) + ' '.repeat(barWidth - filled);
  const unitName = unit === 'bytes' ? '' : ` ${unit}`;
  return `${phase}  [${bar}]  ${Math.floor(share * 100)} %  ${amount(done)} of ${amount(total)}${unitName}`;
}

/** `  35 MiB/s, 3 min left`; only bytes, and only when there was time to measure. */
function renderSpeed(
  { done, total, unit }: Progress,
  began: { readonly at: number; readonly done: number },
  now: number,
): string {
  const elapsedMs = now - began.at;
  if (unit !== 'bytes' || total === null || elapsedMs < lineMs || done <= began.done) return '';
  const bytesPerMs = (done - began.done) / elapsedMs;
  const left = formatDuration((total - done) / bytesPerMs);
  return `  ${((bytesPerMs * 1000) / 2 ** 20).toFixed(1)} MiB/s, ${left} left`;
}
