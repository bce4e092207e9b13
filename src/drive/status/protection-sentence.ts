/**
 * The second line of `status`: what is protected now, and the next step where something is missing. The worst that is
 * known comes first; a disk that should be here and is not is always named. Pure.
 */
import { shellWord } from '../../core/text/shell-word.js';
import type { Health } from '../../drive-status.js';
import { isReadable } from '../../node/node-state.js';
import { countsAsCopy } from '../../store/store-node.js';
import type { EngineNode } from '../../volume/engine-node.js';
import type { ReportInput } from './drive-report.js';

/** Of nodes whose journal or checkpoints rotted and could not be made again yet. */
export const rottenJournals = ({ nodes, histories }: ReportInput): readonly EngineNode[] =>
  nodes.filter(({ id, role }) => role !== 'retired' && (histories?.proofOf(id).problem ?? null) !== null);

export const hasFailedRehearsal = ({ rehearsal }: ReportInput): boolean => (rehearsal?.differences ?? 0) > 0;

/** For new files with all their copies; deleting goes on. */
export const hasNoRoom = ({ space }: ReportInput): boolean => space.availableBytes <= 0;

/** Those that get new files. */
export function writableNodes(nodes: readonly EngineNode[]): readonly EngineNode[] {
  return nodes.filter((node) => node.state === 'online' && node.role === 'active' && !node.isLeaving);
}

export interface ProtectionInput extends ReportInput {
  readonly health: Health;
  readonly degraded: number;
  readonly lost: number;
  readonly replicas: number;
  /** No degraded segment has a number of copies of its own. */
  readonly hasUsualWants: boolean;
}

export function protectionSentence(input: ProtectionInput): string {
  const { nodes, replicas, degraded, lost, readOnlyReason, damagedFiles } = input;
  if (!nodes.some((node) => isReadable(node.state)))
    return 'No disk of this volume is here: plug them in; nothing is deleted.';
  const away = namesOf(nodes.filter(({ role, state }) => role !== 'retired' && !isReadable(state)));
  if (lost > 0 && away !== '')
    return `${plural(lost, 'segment')} cannot be read now: plug in ${away}; nothing is deleted.`;
  if (lost > 0) return `${plural(lost, 'segment')} without a whole good copy: what is damaged there cannot be read.`;
  if (damagedFiles.length > 0)
    return `${plural(damagedFiles.length, 'file')} cannot be read whole: no good copy is left; save from a backup.`;
  if (readOnlyReason !== null) return `The volume can only be read: ${readOnlyReason}.`;
  const writable = writableNodes(nodes);
  if (degraded > 0 && writable.length >= replicas) return fewCopies(input);
  return [whatHolds(input, writable), ...whoIsMissed(input)].join(' ');
}

function fewCopies(input: ProtectionInput): string {
  const { degraded, replicas, hasUsualWants } = input;
  const wanted = hasUsualWants ? `than ${replicas} good copies` : 'good copies than wanted';
  const have = degraded === 1 ? 'has' : 'have';
  return `${plural(degraded, 'segment')} ${have} fewer ${wanted} now; ${nextStep(input)}`;
}

function whatHolds(input: ProtectionInput, writable: readonly EngineNode[]): string {
  const { nodes, replicas } = input;
  if (writable.length === 0)
    return `Nothing can be saved now: ${statesOf(nodes)}. Everything that is there can be read; make room, or add a disk.`;
  if (writable.length < replicas) {
    const few = writable.length === 1 ? 'one copy' : `${writable.length} copies`;
    const names = writable.map((node) => node.label).join(', ');
    return `Only ${names} can be written to: new files have ${few} instead of ${replicas} so far.`;
  }
  if (hasNoRoom(input)) {
    const full = namesOf(nodes.filter(({ state }) => state === 'full'));
    return `No room is left for new files${full === '' ? '' : ` (full: ${full})`}: delete something, or add a disk. Everything that is there can be read.`;
  }
  if (hasFailedRehearsal(input))
    return `The nodes alone would not give back this volume: keep ${input.directory}; "holdfast rehearse" tells why, and what to do.`;
  const rotten = namesOf(rottenJournals(input));
  if (rotten !== '')
    return `The journal on ${rotten} is not whole and not made again yet: keep ${input.directory}; "holdfast scrub ${shellWord(input.directory)} --now" tries again.`;
  if (replicas === 1) return 'Each file has one copy: losing a disk loses what is on it.';
  const groups = new Set(writable.map((node) => node.group)).size;
  const lossesBorne = Math.min(replicas, groups) - 1;
  if (lossesBorne < 1) return 'Protects against a lost folder, not a lost disk: the nodes lie on one disk.';
  const borne = `Any ${lossesBorne === 1 ? 'one disk' : `${lossesBorne} disks`} may be lost without losing a file`;
  if (input.space.healsByItself !== false) return `${borne}.`;
  // With enough of them, the largest holds more than the others could take over.
  const needed = groups > replicas ? 'a larger' : (ordinals[groups] ?? 'another');
  return `${borne}; add ${needed} disk to heal by itself.`;
}

/** Those whose absence nobody announced. */
function whoIsMissed({ nodes, degraded, windowOf }: ProtectionInput): string[] {
  const missed = nodes.filter(
    (node) => countsAsCopy(node) && node.state === 'offline' && windowOf?.(node.id) === undefined,
  );
  if (missed.length === 0) return [];
  if (degraded > 0) return [`Plug in ${namesOf(missed)} again.`];
  const [are, them] = missed.length === 1 ? ['is', 'it'] : ['are', 'them'];
  return [`Every file has its copies without ${namesOf(missed)}, which ${are} offline: plug ${them} in again.`];
}

/** As people call them. */
function namesOf(nodes: readonly EngineNode[]): string {
  const names = nodes.map(({ label }) => `"${label}"`).sort();
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** Of the disk to add, by the number of those that are there. */
const ordinals: readonly (string | undefined)[] = ['a', 'a second', 'a third', 'a fourth', 'a fifth'];

const statesOf = (nodes: readonly EngineNode[]): string =>
  nodes
    .filter(countsAsCopy)
    .map(
      (node) =>
        `${node.label} is ${node.role === 'draining' ? 'draining' : node.isLeaving ? 'about to be unplugged' : node.state}`,
    )
    .join(', ');

function nextStep({ healing, nodes, replicas, windowOf }: ProtectionInput): string {
  const excused = nodes.filter((node) => !isReadable(node.state) && windowOf?.(node.id) !== undefined);
  if (excused.length > 0) {
    const names = excused.map(({ label }) => label).join(', ');
    return `${names} ${excused.length === 1 ? 'was' : 'were'} unplugged on purpose and will be current again when back.`;
  }
  const missed = namesOf(nodes.filter((node) => countsAsCopy(node) && node.state === 'offline'));
  if (healing.startsInMs !== null) {
    const unless = missed === '' ? '' : ` unless you plug in ${missed}`;
    return `copies are made elsewhere in ${inTime(healing.startsInMs)}${unless}.`;
  }
  if (nodes.filter((node) => node.state === 'online').length < replicas)
    return missed === '' ? 'add another disk.' : `plug in ${missed} again, or add another disk.`;
  return 'copies are being made.';
}

/** A time to come, for people. */
const inTime = (ms: number): string => (ms <= 120_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.ceil(ms / 60_000)} min`);

const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
