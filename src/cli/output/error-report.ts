/** Errors as a person reads them: what happened, why, and the next step. */
import { asDriveError, type DriveError, type ErrorCode } from '../../core/errors.js';
import { printable } from './format.js';
import type { Terminal } from './terminal.js';

/** For errors that bring no step of their own. */
const nextSteps: Readonly<Partial<Record<ErrorCode, string>>> = {
  USAGE: '"holdfast COMMAND --help" shows what a command takes',
  INVALID_NAME: 'choose another name',
  OUT_OF_SPACE: 'free space on this disk, or use another one',
  FILE_MISSING: 'look at the spelling of the path, and whether its disk is mounted',
  EXISTS: 'choose another path',
  NODE_IO: 'look for disk errors in the system log',
  IN_USE: 'wait for the other command to end, or stop it, then try again',
  UNAVAILABLE: 'try again in a moment',
  DAMAGED: '"holdfast check DIR" names the files that are concerned',
  CORRUPT: '"holdfast rebuild DIR" makes a new index from the nodes',
  NEWER_FORMAT: 'use the version of holdfast that this volume was last used with, or a newer one',
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
    terminal.note(`Why:   ${printable(error.message)}${inWords(error)}`);
    if (next) terminal.note(`Next:  ${printable(next)}`);
  }
  if (debug) terminal.note(stackOf(error));
}

const errnoWords: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EEXIST: 'something else is there',
  ENOTDIR: 'a file lies where a folder should be',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the quota is used up',
  EIO: 'input/output error of the disk',
  EMFILE: 'too many open files',
};

/** The system's short names mean nothing to most people. */
function inWords({ details }: DriveError): string {
  const words = errnoWords[String(details.errnoName)];
  return words === undefined ? '' : ` (${words})`;
}

function stackOf(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
