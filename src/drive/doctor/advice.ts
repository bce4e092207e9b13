/** The rules of the examination. Pure. */
import { diskOf, type MachineFacts, type Mount } from '../../config/machine-facts.js';
import { shellWord } from '../../core/text/shell-word.js';
import type { Advice } from '../../drive-disks.js';

export interface ExaminedNode {
  readonly label: string;
  readonly path: string;
  readonly group: string;
  /** It takes new files. */
  readonly counts: boolean;
  readonly isHere: boolean;
  /** st_dev; undefined: not known. */
  readonly device: number | undefined;
}

/** One inotify watch for each of a node's folders; other programs need some too. */
const watchesOfNode = 5;
const watchesOfOthers = 1_000;
const instancesOfNode = 1;
const instancesOfOthers = 16;
const clockToleranceMs = 5 * 60_000;
const rehearsedWithinMs = 7 * 86_400_000;

export function groupAdvice(
  nodes: readonly ExaminedNode[],
  { replicas, directory }: { readonly replicas: number; readonly directory: string },
): Advice[] {
  const groups = new Set(nodes.filter(({ counts }) => counts).map(({ group }) => group));
  if (replicas < 2) {
    const finding = 'Each file has one copy: the loss of a disk loses what is on it.';
    return [{ finding, next: 'Make the volume anew with --replicas 2, or keep backups.' }];
  }
  if (groups.size >= replicas) return [];
  const number = groups.size === 1 ? '1 failure group' : `${groups.size} failure groups`;
  const finding = `The ${replicas} copies of a file lie in ${number}, so one accident can take all of them.`;
  return [{ finding, next: `Add a node on another disk: holdfast node add ${shellWord(directory)} PATH.` }];
}

/** Nodes that claim to fail one by one, and share a file system or a disk. */
export function diskAdvice(
  nodes: readonly ExaminedNode[],
  { mounts, directory }: { readonly mounts: readonly Mount[]; readonly directory: string },
): Advice[] {
  const advice: Advice[] = [];
  for (const [index, node] of nodes.entries()) {
    for (const other of nodes.slice(index + 1)) {
      if (!node.isHere || !other.isHere || node.group === other.group) continue;
      const shared = sharedBy(node, other, mounts);
      if (shared === undefined) continue;
      advice.push({
        finding: `${node.label} and ${other.label} lie on one ${shared} and are in different failure groups: both are lost with it.`,
        next: `Move one of them to a disk of its own: holdfast node replace ${shellWord(directory)} ${shellWord(other.label)} PATH.`,
      });
    }
  }
  return advice;
}

function sharedBy(one: ExaminedNode, other: ExaminedNode, mounts: readonly Mount[]): string | undefined {
  if (one.device !== undefined && one.device === other.device) return 'file system';
  const [disk, otherDisk] = [one, other]
    .map(({ path }) => mountOf(path, mounts))
    .map((mount) => mount && diskOf(mount.source));
  return disk?.startsWith('/dev/') && disk === otherDisk ? `disk (${disk})` : undefined;
}

/** The mount with the longest path that holds it; the last one of those, which covers the others. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  const holding = mounts.filter((mount) => `${path}/`.startsWith(mount.path === '/' ? '/' : `${mount.path}/`));
  return holding.reduce<Mount | undefined>(
    (best, mount) => (best && best.path.length > mount.path.length ? best : mount),
    undefined,
  );
}

export function indexAdvice(
  nodes: readonly ExaminedNode[],
  { directory, device }: { readonly directory: string; readonly device: number | undefined },
): Advice[] {
  const shared = nodes.filter((node) => device !== undefined && node.device === device).map(({ label }) => label);
  if (shared.length === 0) return [];
  return [
    {
      finding: `The index lies on the file system of ${shared.join(', ')}: it competes with these for room and time.`,
      next: `If there is a faster disk without a node, stop the server and move ${directory} there.`,
    },
  ];
}

export function watchAdvice({ watches, watchInstances }: MachineFacts, nodes: number): Advice[] {
  const wanted = [
    { name: 'max_user_watches', found: watches, needed: nodes * watchesOfNode + watchesOfOthers },
    { name: 'max_user_instances', found: watchInstances, needed: nodes * instancesOfNode + instancesOfOthers },
  ];
  return wanted
    .filter(({ found, needed }) => found !== null && found < needed)
    .map(({ name, found, needed }) => ({
      finding: `fs.inotify.${name} is ${found}, which is little beside other programs: disks that leave are then noticed later.`,
      next: `As root: sysctl fs.inotify.${name}=${needed}, and the same in /etc/sysctl.d to keep it.`,
    }));
}

/** `newest`: the latest time that the volume itself knows, milliseconds since 1970. */
export function clockAdvice(now: number, newest: number): Advice[] {
  if (now >= newest - clockToleranceMs) return [];
  const minutes = Math.round((newest - now) / 60_000);
  return [
    {
      finding: `The clock of this machine is ${minutes} minutes behind the newest checkpoint of the volume: times of files would be wrong.`,
      next: 'Set the clock, or let it be set: timedatectl set-ntp true.',
    },
  ];
}

/** `oldest`: of the proofs of a node's copies, milliseconds since 1970; null when none was ever verified. */
export function proofAdvice(
  nodes: readonly { readonly label: string; readonly oldest: number | null }[],
  { now, periodMs, directory }: { readonly now: number; readonly periodMs: number; readonly directory: string },
): Advice[] {
  return nodes.flatMap(({ label, oldest }) =>
    oldest === null || now - oldest <= periodMs
      ? []
      : [
          {
            finding: `Some copies on ${label} were last verified ${daysOf(now - oldest)} days ago, which should be at most ${daysOf(periodMs)}: rot on it may not be known.`,
            next: `Keep it plugged in while the volume is served, or read it now: holdfast scrub ${shellWord(directory)} --now.`,
          },
        ],
  );
}

/** Rehearsed every night, if the volume is served at night or for long enough. `last`: milliseconds since 1970. */
export function rehearsalAdvice(
  last: number | undefined,
  { now, directory }: { readonly now: number; readonly directory: string },
): Advice[] {
  if (last === undefined || now - last <= rehearsedWithinMs) return [];
  return [
    {
      finding: `That the volume can be rebuilt from its nodes was last proven ${daysOf(now - last)} days ago.`,
      next: `Keep it served over night, or prove it now: holdfast rehearse ${shellWord(directory)}.`,
    },
  ];
}

const daysOf = (ms: number): number => Math.floor(ms / 86_400_000);
