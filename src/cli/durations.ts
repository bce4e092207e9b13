/** Durations on the command line. */
import { InvalidArgumentError } from 'commander';

const unitMs = { min: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;
const longestMs = 10 * 365 * unitMs.d;

/** `30min`, `2h`, `7d`, `2w`; for commander. */
export function duration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?(min|h|d|w)$/.exec(text) ?? [];
  const durationMs = Math.round(Number(amount) * (unitMs[unit as keyof typeof unitMs] ?? Number.NaN));
  if (durationMs > 0 && durationMs <= longestMs) return durationMs;
  throw new InvalidArgumentError('It is a number with its unit: 30min, 2h, 7d or 2w.');
}
