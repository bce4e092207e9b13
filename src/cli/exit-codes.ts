/**
 * What the process answers to the shell. The tables are total: a new error code or health does not compile before
 * it stands in them.
 */

import type { ErrorCode } from '../core/errors.js';
import type { CheckReport } from '../drive-contract.js';
import type { Health } from '../drive-status.js';

export const exitCodes = {
  good: 0,
  failed: 1,
  usage: 2,
  /** Damage found. */
  damaged: 3,
  /** Sound, but with fewer good copies than wanted, or not writable. */
  degraded: 4,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const exitCodeByError: Readonly<Record<ErrorCode, ExitCode>> = {
  NOT_FOUND: exitCodes.failed,
  PARENT_MISSING: exitCodes.failed,
  EXISTS: exitCodes.failed,
  IS_FOLDER: exitCodes.failed,
  NOT_FOLDER: exitCodes.failed,
  FORBIDDEN: exitCodes.failed,
  PRECONDITION_FAILED: exitCodes.failed,
  LOCKED: exitCodes.failed,
  LOCK_TOKEN_MISMATCH: exitCodes.failed,
  LIMIT_EXCEEDED: exitCodes.failed,
  INVALID_NAME: exitCodes.usage,
  BAD_REQUEST: exitCodes.usage,
  INCOMPLETE_BODY: exitCodes.failed,
  CHECKSUM_MISMATCH: exitCodes.failed,
  OUT_OF_SPACE: exitCodes.failed,
  READ_ONLY: exitCodes.failed,
  UNAVAILABLE: exitCodes.failed,
  DAMAGED: exitCodes.damaged,
  CORRUPT: exitCodes.damaged,
  NEWER_FORMAT: exitCodes.failed,
  NODE_REFUSED: exitCodes.failed,
  NODE_GONE: exitCodes.failed,
  NODE_FULL: exitCodes.failed,
  NODE_READ_ONLY: exitCodes.failed,
  NODE_IO: exitCodes.failed,
  FILE_MISSING: exitCodes.failed,
  IN_USE: exitCodes.failed,
  WOULD_LOSE_COPIES: exitCodes.failed,
  GATE_REFUSED: exitCodes.failed,
  USAGE: exitCodes.usage,
  CLOSED: exitCodes.failed,
  ABORTED: exitCodes.failed,
  TOOL_MISSING: exitCodes.failed,
  INTERNAL: exitCodes.failed,
};

export function exitCodeOfError(code: ErrorCode): ExitCode {
  return exitCodeByError[code];
}

const exitCodeByHealth: Readonly<Record<Health, ExitCode>> = {
  good: exitCodes.good,
  degraded: exitCodes.degraded,
  'read-only': exitCodes.degraded,
  damaged: exitCodes.damaged,
};

export function exitCodeOfHealth(health: Health): ExitCode {
  return exitCodeByHealth[health];
}

export function exitCodeOfCheck(report: CheckReport): ExitCode {
  if (report.findings.length > 0) return exitCodes.damaged;
  return report.degraded.length > 0 ? exitCodes.degraded : exitCodes.good;
}
