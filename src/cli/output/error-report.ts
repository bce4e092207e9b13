/** Errors as a person reads them: what happened, why, and the next step. */
import { asDriveError, type ErrorCode } from '../../core/errors.js';
import { printable } from './format.js';
import type { Terminal } from './terminal.js';

/** For errors that bring no step of their own. */
const nextSteps: Readonly<Partial<Record<ErrorCode, string>>> = {
  IN_USE: 'wait for the other command to end, or stop it, then try again',
  UNAVAILABLE: 'try again in a moment',
  DAMAGED: '"holdfast check DIR" names the files that are concerned',
  CORRUPT: '"holdfast rebuild DIR" makes a new index from the nodes',
  NEWER_FORMAT: 'use the version of holdfast that made this volume, or a newer one',
  ABORTED: 'run the command again when you like; it starts where it is safe',
  INTERNAL: 'set HOLDFAST_DEBUG=1, run the command again, and report what it prints',
};

export interface ErrorReportOptions {
  readonly terminal: Terminal;
  /** What was tried, to follow "could not": `serve /srv/home`. */
  readonly action: string;
  /** One JSON line instead of sentences. */
  readonly json: boolean;
  /** Add the stack trace and the causes. */
  readonly debug: boolean;
}

export function reportError(thrown: unknown, { terminal, action, json, debug }: ErrorReportOptions): void {
  const error = asDriveError(thrown);
  const next = error.hint ?? nextSteps[error.code];
  if (json) {
    const { code, message, details } = error.toData();
    terminal.note(JSON.stringify({ error: { code, message, details, hint: next ?? null } }));
  } else {
    terminal.note(`${terminal.styleNote('bad', 'Error:')} could not ${printable(action)}`);
    terminal.note(`Why:   ${printable(error.message)}`);
    if (next) terminal.note(`Next:  ${printable(next)}`);
  }
  if (debug) terminal.note(stackOf(error));
}

function stackOf(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
