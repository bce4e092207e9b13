/** What the machine says about mounts and limits, for advice only: what cannot be found out is simply not known. */
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';

export interface Mount {
  /** Where it is mounted. */
  readonly path: string;
  /** What is mounted: /dev/sda1, or anything else. */
  readonly source: string;
}

export interface MachineFacts {
  /** Empty where the system does not tell. */
  readonly mounts: readonly Mount[];
  /** Limits of inotify for this account; null where there are none. */
  readonly watches: number | null;
  readonly watchInstances: number | null;
}

export async function machineFacts(): Promise<MachineFacts> {
  const [mountInfo, watches, instances] = await Promise.all([
    textOf('/proc/self/mountinfo'),
    textOf('/proc/sys/fs/inotify/max_user_watches'),
    textOf('/proc/sys/fs/inotify/max_user_instances'),
  ]);
  return {
    mounts: mountsIn(mountInfo ?? ''),
    watches: watches === undefined ? null : Number(watches),
    watchInstances: instances === undefined ? null : Number(instances),
  };
}

/** Whether this process could write to it; an immutable folder says no to root too. */
export async function couldWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Lines of proc_pid_mountinfo(5): the fields behind " - " are file system type and source. */
export function mountsIn(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [front, back] = line.split(' - ');
    const path = front?.split(' ')[4];
    const source = back?.split(' ')[1];
    return path && source ? [{ path: unescaped(path), source: unescaped(source) }] : [];
  });
}

/** The disk of a partition: /dev/sda for /dev/sda1, /dev/nvme0n1 for /dev/nvme0n1p2; else the source itself. */
export function diskOf(source: string): string {
  const [, numbered, lettered] =
    /^(\/dev\/(?:nvme\d+n\d+|mmcblk\d+|loop\d+))p\d+$|^(\/dev\/(?:[shv]d|xvd)[a-z]+)\d+$/.exec(source) ?? [];
  return numbered ?? lettered ?? source;
}

const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
