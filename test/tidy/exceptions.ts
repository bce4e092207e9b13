/**
 * What may break a house rule, by name and with the reason. The list may only shrink: an exception that is not needed
 * any more fails, and so does one that allows more than is used.
 */
import type { Violation } from './rules.js';

export interface Exception {
  readonly rule: string;
  readonly file: string;
  readonly reason: string;
  /** For limits: what is allowed here. */
  readonly upTo?: number;
}

export const exceptions: readonly Exception[] = [
  {
    rule: 'folder-size',
    file: 'src/core',
    reason: 'what everything stands on: small files with one purpose each, nothing that belongs together more closely',
    upTo: 14,
  },
];

/** What is left of the violations, and complaints about the exceptions themselves. */
export function applyExceptions(
  violations: readonly Violation[],
  list: readonly Exception[],
): { readonly violations: Violation[]; readonly complaints: string[] } {
  const left = violations.filter((violation) => !list.some((exception) => covers(exception, violation)));
  const complaints = list.flatMap((exception) => {
    const covered = violations.filter((violation) => covers(exception, violation));
    if (covered.length === 0) return [`${exception.file}: ${exception.rule} needs no exception any more: remove it`];
    const most = Math.max(...covered.map((violation) => violation.measure ?? 0));
    if (exception.upTo === undefined || exception.upTo === most) return [];
    return [`${exception.file}: ${exception.rule} has become smaller: lower upTo to ${most}`];
  });
  return { violations: left, complaints };
}

function covers(exception: Exception, violation: Violation): boolean {
  if (exception.rule !== violation.rule || exception.file !== violation.file) return false;
  return exception.upTo === undefined || (violation.measure ?? 0) <= exception.upTo;
}
