/** What a system test needs of the machine. A test that cannot run says what is missing in its skip reason. */
import { accessSync, constants, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Requirements {
  readonly tools?: readonly string[];
  /** Absolute paths of what is installed outside the search path. */
  readonly files?: readonly string[];
  readonly root?: boolean;
  readonly fuse?: boolean;
  /** Free bytes in the temporary folder. */
  readonly freeBytes?: number;
}

export const GiB = 1024 ** 3;
export const MiB = 1024 ** 2;
export const KiB = 1024;

/** The tools behind LoopDisk. */
export const loopDiskTools = ['losetup', 'mkfs.ext4', 'mount', 'umount', 'xfs_io'] as const;

/** `false` when everything is there, else the skip reason for node:test. */
export function missing(requirements: Requirements): string | false {
  const absent = (requirements.tools ?? []).filter((tool) => !isOnPath(tool));
  absent.push(...(requirements.files ?? []).filter((path) => !isUsable(path, constants.R_OK)));
  if (process.platform !== 'linux') absent.push('Linux');
  if (requirements.root && process.getuid?.() !== 0) absent.push('root');
  if (requirements.fuse && !isUsable('/dev/fuse')) absent.push('/dev/fuse');
  const wantedBytes = requirements.freeBytes ?? 0;
  const space = statfsSync(tmpdir());
  if (space.bavail * space.bsize < wantedBytes) absent.push(`${Math.ceil(wantedBytes / GiB)} GiB free in ${tmpdir()}`);
  return absent.length === 0 ? false : `missing: ${absent.join(', ')}`;
}

function isOnPath(tool: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => isUsable(join(folder, tool), constants.X_OK));
}

function isUsable(path: string, mode: number = constants.R_OK | constants.W_OK): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
