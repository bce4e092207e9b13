/**
 * What can happen to a node's disk while the drive runs: how it is made, what the drive must see, how it is undone.
 * As root no file mode denies anything, so a lack of rights is played by immutable files (EPERM for everybody).
 */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { NodeState } from '../../../../src/node/node-state.js';
import { mustRun, runCommand } from '../../tools/commands.js';
import { mustHoldfast } from '../../tools/drive-server.js';
import { pause, waitUntil } from '../../tools/wait.js';
import { dropCachesOf } from '../../tools/workspace.js';
import { fillUp, makeRoom } from './filler.js';
import type { DiskKind, SickDisk } from './sick-disk.js';

export interface Fault {
  readonly name: string;
  readonly disk: DiskKind;
  /** States of the node that show that the fault was noticed; empty: it may go unnoticed. */
  readonly seen: readonly NodeState[];
  /** Its copies count no more, and are made again elsewhere while it lasts. */
  readonly isLoss: boolean;
  /** Something else lies at the node's path, into which no byte may go. */
  readonly isElsewhere: boolean;
  make(place: FaultPlace): Promise<void>;
  /** The disk is back as it was, as somebody would bring it back. */
  undo(place: FaultPlace): Promise<void>;
}

export interface FaultPlace {
  readonly disk: SickDisk;
  /** Of the volume. */
  readonly directory: string;
  /** A folder for things of the fault, outside of all disks. */
  readonly aside: string;
  /** The directory of a healthy node of the volume. */
  readonly otherNode: string;
}

const elsewhere = { isLoss: true, isElsewhere: true, seen: ['offline', 'foreign'] } as const;
const inPlace = { isElsewhere: false } as const;

const passportOf = (path: string): string => join(path, 'holdfast-node.json');
/** Of the folder that bears the node's id. */
const rootName = async (path: string): Promise<string> =>
  `holdfast-${(JSON.parse(await readFile(passportOf(path), 'utf8')) as { readonly node: string }).node}`;
const rootOf = async (path: string): Promise<string> => join(path, await rootName(path));

/** What lies over the node's path; the drive may be looking at it just now. */
async function takeAway(path: string): Promise<void> {
  await waitUntil(`${path} can be unmounted`, async () => (await runCommand('umount', [path])).code === 0);
}

/** A disk of the kind behind a loop device of its own. */
const loopFaults: readonly Fault[] = [
  {
    name: 'pulled: unmounted under the drive',
    disk: 'loop',
    ...elsewhere,
    make: ({ disk }) => disk.unmountLazily(),
    undo: ({ disk }) => disk.mount(),
  },
  {
    name: 'mounted at another place, a bare mount point left',
    disk: 'loop',
    ...elsewhere,
    make: async ({ disk, aside }) => void (await mustRun('mount', ['--move', disk.path, aside])),
    undo: async ({ disk, aside }) => void (await mustRun('mount', ['--move', aside, disk.path])),
  },
  {
    name: 'pulled and plugged in again within a second',
    disk: 'loop',
    isLoss: false,
    ...inPlace,
    seen: [],
    make: async ({ disk }) => {
      for (let times = 0; times < 3; times++) {
        await disk.unmountLazily();
        await pause(150);
        await disk.mount();
        await pause(150);
      }
    },
    undo: async () => undefined,
  },
  {
    name: 'shut down: errors for every call',
    disk: 'loop',
    isLoss: true,
    ...inPlace,
    seen: ['offline', 'suspect', 'read-only'],
    make: async ({ disk }) => void (await mustRun('xfs_io', ['-x', '-c', 'shutdown', disk.path])),
    undo: ({ disk }) => disk.remount(),
  },
  {
    name: 'read-only after an error of its file system',
    disk: 'loop',
    isLoss: false,
    ...inPlace,
    seen: ['read-only', 'suspect', 'offline'],
    make: async ({ disk }) => {
      await mustRun('mount', ['-o', 'remount,errors=remount-ro', disk.path]);
      await writeFile(`/sys/fs/ext4/${basename(disk.device)}/trigger_fs_error`, 'test');
    },
    undo: ({ disk }) => disk.repair(),
  },
  {
    name: 'filled by something else',
    disk: 'loop',
    isLoss: false,
    ...inPlace,
    seen: ['full'],
    make: ({ disk }) => fillUp(disk.path),
    undo: ({ disk }) => makeRoom(disk.path),
  },
  {
    name: 'without rights to write',
    disk: 'loop',
    isLoss: false,
    ...inPlace,
    seen: ['read-only'],
    make: async ({ disk }) => void (await mustRun('chattr', ['-R', '+i', await rootOf(disk.path)])),
    undo: async ({ disk }) => void (await mustRun('chattr', ['-R', '-i', await rootOf(disk.path)])),
  },
  {
    name: 'its folder renamed',
    disk: 'loop',
    isLoss: true,
    ...inPlace,
    seen: ['offline'],
    make: async ({ disk }) => rename(await rootOf(disk.path), join(disk.path, 'renamed')),
    undo: async ({ disk }) => rename(join(disk.path, 'renamed'), join(disk.path, await rootName(disk.path))),
  },
  {
    name: 'its passport removed',
    disk: 'loop',
    isLoss: true,
    ...inPlace,
    seen: ['offline'],
    make: ({ disk }) => rename(passportOf(disk.path), join(disk.path, 'passport of before')),
    undo: ({ disk }) => rename(join(disk.path, 'passport of before'), passportOf(disk.path)),
  },
  {
    name: "another volume's disk at its path",
    disk: 'loop',
    ...elsewhere,
    seen: ['foreign'],
    make: async ({ disk, aside }) => {
      const stranger = join(aside, 'stranger');
      await mustHoldfast('init', join(aside, 'other'), '--node', stranger, '--replicas', '1', '--name', 'other');
      await mustRun('mount', ['--bind', stranger, disk.path]);
    },
    undo: ({ disk }) => takeAway(disk.path),
  },
  {
    name: 'a copy of another node at its path',
    disk: 'loop',
    ...elsewhere,
    seen: ['foreign'],
    make: async ({ disk, aside, otherNode }) => {
      // The drive may take files away meanwhile.
      await runCommand('cp', ['-r', otherNode, join(aside, 'clone')]);
      await mustRun('mount', ['--bind', join(aside, 'clone'), disk.path]);
    },
    undo: ({ disk }) => takeAway(disk.path),
  },
  {
    name: 'an empty disk at its path',
    disk: 'loop',
    ...elsewhere,
    seen: ['offline'],
    make: async ({ disk }) => void (await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=64M', 'tmpfs', disk.path])),
    undo: ({ disk }) => takeAway(disk.path),
  },
  {
    name: 'wiped, and added as a new node',
    disk: 'loop',
    isLoss: true,
    ...inPlace,
    seen: ['offline'],
    make: async ({ disk }) => {
      for (const name of await readdir(disk.path)) {
        await rm(join(disk.path, name), { recursive: true, force: true, maxRetries: 30 });
      }
    },
    undo: async ({ disk, directory }) => {
      await mustHoldfast('node', 'remove', directory, disk.path, '--lost');
      await mustHoldfast('node', 'add', directory, disk.path);
    },
  },
];

/** A disk served by a process that can be told to fail, stopped, or killed. */
const servedFaults: readonly Fault[] = [
  {
    name: 'hung: no call ends',
    disk: 'served',
    isLoss: true,
    ...inPlace,
    seen: ['suspect', 'offline'],
    make: ({ disk }) => disk.fall('hung'),
    undo: async ({ disk }) => disk.wake(),
  },
  {
    name: 'slow: 256 KiB a second',
    disk: 'served',
    isLoss: false,
    ...inPlace,
    seen: [],
    make: ({ disk }) => disk.fall('slow'),
    undo: ({ disk }) => disk.fall('well'),
  },
  {
    name: 'errors for reads',
    disk: 'served',
    isLoss: false,
    ...inPlace,
    seen: [],
    make: async ({ disk }) => {
      await disk.fall('no-reads');
      // What the system remembers would be read well from a disk that cannot be read.
      await dropCachesOf(disk.path);
    },
    // Its file system may have taken errors of the disk for damage.
    undo: ({ disk }) => disk.replug(),
  },
  {
    name: 'errors for reads, writes and flushes',
    disk: 'served',
    isLoss: false,
    ...inPlace,
    seen: ['offline', 'suspect', 'read-only'],
    make: ({ disk }) => disk.fall('dead'),
    undo: ({ disk }) => disk.replug(),
  },
  {
    name: 'errors for flushes',
    disk: 'served',
    isLoss: false,
    ...inPlace,
    seen: ['offline', 'suspect', 'read-only'],
    make: ({ disk }) => disk.fall('no-flushes'),
    undo: ({ disk }) => disk.replug(),
  },
  {
    name: 'gone: the device answers nothing but errors, for good',
    disk: 'served',
    isLoss: false,
    ...inPlace,
    seen: ['offline', 'suspect', 'read-only'],
    make: ({ disk }) => disk.fall('killed'),
    undo: ({ disk }) => disk.replug(),
  },
];

/** A folder behind a file system in user space, as network mounts are. */
const fuseFaults: readonly Fault[] = [
  {
    name: 'not connected: the process behind its file system is gone',
    disk: 'fuse',
    isLoss: true,
    ...inPlace,
    seen: ['offline', 'suspect'],
    make: ({ disk }) => disk.fall('killed'),
    undo: ({ disk }) => disk.replug(),
  },
  {
    name: 'hung: the process behind its file system stands still',
    disk: 'fuse',
    isLoss: true,
    ...inPlace,
    seen: ['suspect', 'offline'],
    make: ({ disk }) => disk.fall('hung'),
    undo: async ({ disk }) => disk.wake(),
  },
];

export const faults: readonly Fault[] = [...loopFaults, ...servedFaults, ...fuseFaults];
