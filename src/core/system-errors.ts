/**
 * Translates errors of the operating system into DriveErrors, by errno number where Node has no name for it.
 * Running out of descriptors or memory is trouble of this process, not of a node: UNAVAILABLE, so that no node leaves
 * because of it.
 */
import { getSystemErrorName } from 'node:util';
import { asDriveError, DriveError, type ErrorCode } from './errors.js';
import type { Platform } from './platform.js';

interface Translation {
  readonly code: ErrorCode;
  readonly hint?: string;
}

const gone: Translation = { code: 'NODE_GONE', hint: 'plug the disk in again, or mount it again' };
const remount: Translation = { code: 'NODE_GONE', hint: 'the network file system forgot this folder: mount it again' };
const full: Translation = { code: 'NODE_FULL', hint: 'free space on this disk, or add a node on another one' };
const denied: Translation = {
  code: 'NODE_READ_ONLY',
  hint: 'let the account that runs holdfast read and write there',
};
const structure: Translation = {
  code: 'NODE_IO',
  hint: "the disk's file system is damaged: unmount it and have it checked (fsck)",
};
const exhausted: Translation = { code: 'UNAVAILABLE', hint: 'raise the limit of open files (ulimit -n) or of memory' };

const translations: Readonly<Record<string, Translation>> = {
  ENOENT: { code: 'FILE_MISSING' },
  EEXIST: { code: 'EXISTS' },
  ENOSPC: full,
  EDQUOT: { code: 'NODE_FULL', hint: 'the quota of this account is used up: raise it, or add a node elsewhere' },
  EROFS: {
    code: 'NODE_READ_ONLY',
    hint: 'the file system is mounted read-only: look for disk errors in the system log, then mount it again',
  },
  EACCES: denied,
  EPERM: denied,
  ENXIO: gone,
  ENODEV: gone,
  ENOMEDIUM: gone,
  ENOTCONN: remount,
  ESTALE: remount,
  ESHUTDOWN: gone,
  EHOSTDOWN: gone,
  EPWROFF: gone,
  EUCLEAN: structure,
  EBADMSG: structure,
  EIO: { code: 'NODE_IO', hint: 'look for disk errors in the system log; the disk may be dying' },
  ELOOP: { code: 'NODE_IO', hint: 'a symbolic link lies where holdfast keeps a file of its own: remove it' },
  ENOTDIR: { code: 'NODE_IO', hint: 'a file lies where a folder should be' },
  EMFILE: exhausted,
  ENFILE: exhausted,
  ENOMEM: exhausted,
};

/** `path`: what the call was about. Errors without an errno (wrong arguments) are bugs: INTERNAL. */
export function translateSystemError(error: NodeJS.ErrnoException, path: string, platform: Platform): DriveError {
  if (typeof error.errno !== 'number') return asDriveError(error);
  const errno = Math.abs(error.errno);
  const name = errnoName(errno, error.code, platform);
  const { code, hint } = translations[name] ?? { code: 'NODE_IO' as const };
  const operation = error.syscall ?? 'call';
  return new DriveError(code, {
    message: `${operation} ${path}: ${name}`,
    details: { path, operation, errno, errnoName: name },
    cause: error,
    hint,
  });
}

function errnoName(errno: number, code: string | undefined, platform: Platform): string {
  const named = platform.errnoNames.get(errno);
  if (named !== undefined) return named;
  return code !== undefined && /^E[A-Z0-9]+$/.test(code) ? code : getSystemErrorName(-errno);
}
