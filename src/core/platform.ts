/**
 * Everything that differs between Linux, macOS and Windows, as one value that is passed in, so that each system's rules
 * are tested on all of them. Decides only; touches no file, socket or signal itself.
 */
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { posix, win32 } from 'node:path';
import { assert } from './assert.js';
import { DriveError } from './errors.js';

export interface Platform {
  readonly name: 'linux' | 'macos' | 'windows';
  /** Whether a folder can be opened and fsynced. Windows cannot; NTFS journals names by itself. */
  readonly canSyncFolders: boolean;
  /** Whether st_dev tells one mounted file system from another. */
  readonly hasDeviceNumbers: boolean;
  /** Names of errno numbers (positive) that Node has no name for: it says "Unknown system error -116". */
  readonly errnoNames: ReadonlyMap<number, string>;
  /** Signals that ask a server to drain and end. */
  readonly endSignals: readonly NodeJS.Signals[];
  /** Existing folder for locks that every process of this machine must see (on Windows: of this account). */
  readonly machineLockFolder: string;
  /**
   * Where the server of the volume in `directory` (absolute) listens for commands: a socket in it, or a named pipe.
   * USAGE when the path is too long for a socket.
   */
  controlAddress(directory: string): string;
  /** Whether a file at `controlAddress` can be left over from a crash, to be unlinked before listening. */
  readonly controlAddressIsFile: boolean;
  /** Equal for absolute paths that can mean the same file. May call different files equal, never the reverse. */
  pathKey(path: string): string;
  /** Whether `inner` is `outer` or lies below it, by `pathKey`. */
  isWithin(outer: string, inner: string): boolean;
}

const linuxErrno = new Map([
  [62, 'ETIME'],
  [67, 'ENOLINK'],
  [74, 'EBADMSG'],
  [116, 'ESTALE'],
  [117, 'EUCLEAN'],
  [122, 'EDQUOT'],
  [123, 'ENOMEDIUM'],
  [124, 'EMEDIUMTYPE'],
]);

const macosErrno = new Map([
  [69, 'EDQUOT'],
  [70, 'ESTALE'],
  [82, 'EPWROFF'],
  [83, 'EDEVERR'],
  [94, 'EBADMSG'],
]);

/** sizeof(sockaddr_un.sun_path) less its closing NUL. */
const socketPathLimitBytes = { linux: 107, macos: 103 };

export const linux: Platform = {
  name: 'linux',
  canSyncFolders: true,
  hasDeviceNumbers: true,
  errnoNames: linuxErrno,
  endSignals: ['SIGINT', 'SIGTERM', 'SIGHUP'],
  // Not os.tmpdir(): TMPDIR differs between accounts and services, and a lock must be the same file for all.
  machineLockFolder: '/tmp',
  controlAddress: (directory) => socketAddress(directory, socketPathLimitBytes.linux),
  controlAddressIsFile: true,
  pathKey: posixKey,
  isWithin: (outer, inner) => startsWith(posixKey(outer), posixKey(inner), '/'),
};

export const macos: Platform = {
  ...linux,
  name: 'macos',
  errnoNames: macosErrno,
  controlAddress: (directory) => socketAddress(directory, socketPathLimitBytes.macos),
  pathKey: macosKey,
  isWithin: (outer, inner) => startsWith(macosKey(outer), macosKey(inner), '/'),
};

export const windows: Platform = {
  name: 'windows',
  canSyncFolders: false,
  hasDeviceNumbers: false,
  errnoNames: new Map(),
  endSignals: ['SIGINT', 'SIGBREAK', 'SIGHUP'],
  machineLockFolder: tmpdir(),
  controlAddress: (directory) => {
    assert(win32.isAbsolute(directory), `not an absolute path: ${directory}`);
    const digest = createHash('sha256').update(windowsKey(directory)).digest('hex');
    return `\\\\.\\pipe\\holdfast-${digest.slice(0, 32)}`;
  },
  controlAddressIsFile: false,
  pathKey: windowsKey,
  isWithin: (outer, inner) => startsWith(windowsKey(outer), windowsKey(inner), '\\'),
};

/** By Node's name; systems not named here are treated as Linux. */
export function platformFor(name: NodeJS.Platform): Platform {
  if (name === 'win32') return windows;
  return name === 'darwin' ? macos : linux;
}

export const systemPlatform: Platform = platformFor(process.platform);

function socketAddress(directory: string, limitBytes: number): string {
  assert(posix.isAbsolute(directory), `not an absolute path: ${directory}`);
  const address = posix.join(directory, 'control.sock');
  const length = Buffer.byteLength(address);
  if (length <= limitBytes) return address;
  throw new DriveError('USAGE', {
    message: `the path of the volume's directory is too long for a control socket (${length} bytes, at most ${limitBytes})`,
    hint: "move the volume's directory to a shorter path; its nodes can stay where they are",
    details: { path: directory },
  });
}

function posixKey(path: string): string {
  assert(posix.isAbsolute(path), `not an absolute path: ${path}`);
  const plain = posix.normalize(path);
  return plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain;
}

// APFS and HFS+ compare names without case and in one normal form, unless formatted otherwise.
function macosKey(path: string): string {
  return posixKey(path).normalize('NFC').toLowerCase();
}

function windowsKey(path: string): string {
  assert(win32.isAbsolute(path), `not an absolute path: ${path}`);
  const plain = win32.resolve(path).toLowerCase();
  return plain.endsWith('\\') ? plain.slice(0, -1) : plain;
}

function startsWith(outer: string, inner: string, separator: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith(separator) ? outer : outer + separator);
}
