/** Numbers as people read them. Pure; times are in the reader's own zone. */

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `1.4 GiB`; null becomes a dash. */
export function formatBytes(sizeBytes: number | null): string {
  if (sizeBytes === null) return '-';
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1023.5 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${byteUnits[unit]}`;
}

/** `12 s`, `3 min`, `5 h`, `4 days`: one unit, rounded down, never below `0 s`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

const thousands = new Intl.NumberFormat('en-US');

/** `1,234 files`, `1 file`. */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${thousands.format(count)} ${count === 1 ? singular : plural}`;
}

const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });
const hourAndMinute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** `14:20`, or `Tue 3 Feb 14:20` when that is not within half a day of now. */
export function formatClock(time: number, now = time): string {
  const clock = hourAndMinute.format(time);
  return Math.abs(time - now) < 12 * 3_600_000 ? clock : `${day.format(time).replace(',', '')} ${clock}`;
}

/** `14:03:59` of milliseconds since 1970. */
export function formatTime(time: number): string {
  return clockTime.format(time);
}

/**
 * Text of other origin (labels, paths, messages) on one line: control characters, escape sequences and line ends
 * become `?`, so that a name cannot draw on the operator's terminal.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, '?');
}
