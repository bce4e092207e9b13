/** `status` for people: how things are in one word, what that means in one sentence, then the nodes and the rest. */
import type { CopyAge, DriveStatus, Health, NodeStatus } from '../../drive-status.js';
import { formatBytes, formatClock, formatCount, formatDuration, printable } from './format.js';
import { pathList } from './path-list.js';
import { describeScrub } from './scrub-view.js';
import { renderTable } from './table.js';
import type { Terminal, Tone } from './terminal.js';

const healthTones: Readonly<Record<Health, Tone>> = {
  good: 'good',
  degraded: 'warning',
  'read-only': 'warning',
  damaged: 'bad',
};

const stateTones: Readonly<Record<NodeStatus['state'], Tone>> = {
  online: 'good',
  full: 'warning',
  'read-only': 'warning',
  suspect: 'warning',
  returning: 'warning',
  offline: 'bad',
  foreign: 'bad',
  retired: 'faint',
};

const shownDamagedFiles = 10;
/** disk-2 before disk-10. */
const byLabel = new Intl.Collator('en', { numeric: true });

/** `now`: milliseconds since 1970. */
export function renderStatus(status: DriveStatus, { terminal, now }: { terminal: Terminal; now: number }): string {
  const name = terminal.style('strong', printable(status.volume.name));
  const health = terminal.style(healthTones[status.health], status.health.toUpperCase());
  return [
    `${name} is ${health}`,
    printable(status.protection),
    '',
    ...renderNodes(status.nodes, { terminal, now }),
    '',
    ...renderFacts(status, now),
  ].join('\n');
}

/** The table of nodes, and below it why a node is not online. */
export function renderNodes(
  unordered: readonly NodeStatus[],
  { terminal, now }: { terminal: Terminal; now: number },
): string[] {
  const nodes = [...unordered].sort((one, other) => byLabel.compare(one.label, other.label));
  const table = renderTable(
    [
      { title: 'NODE', align: 'left' },
      { title: 'STATE', align: 'left' },
      { title: 'ROLE', align: 'left' },
      { title: 'USED', align: 'right' },
      { title: 'FREE', align: 'right' },
      { title: 'PATH', align: 'left' },
    ],
    nodes.map((node) => [
      printable(node.label),
      { text: stateOf(node), style: (text: string) => terminal.style(toneOf(node), text) },
      node.role,
      formatBytes(node.usedBytes),
      // What a disk said before it left is not what is free now.
      formatBytes(isAway(node) ? null : node.freeBytes),
      printable(node.path),
    ]),
  );
  const reasons = nodes
    .filter((node) => node.reason !== null && node.state !== 'online' && !isAwayOnPurpose(node))
    .map((node) => {
      const since = formatDuration(now - node.since);
      return `${printable(node.label)}: ${node.state} for ${since}: ${printable(node.reason ?? '')}`;
    });
  return [...table, ...reasons, ...nodes.flatMap((node) => expectation(node, { terminal, now }))];
}

/** What was agreed on with its operator, and where that stands. */
function expectation(node: NodeStatus, { terminal, now }: { terminal: Terminal; now: number }): string[] {
  const { mayBeGoneUntil, maySleep, copy, role, state, usedBytes } = node;
  const label = printable(node.label);
  if (mayBeGoneUntil !== undefined) {
    const until = formatClock(mayBeGoneUntil, now);
    return [
      isAway(node) ? `${label}: unplugged on purpose, back by ${until}` : `${label}: may be unplugged until ${until}`,
    ];
  }
  if (role === 'draining') {
    const left = usedBytes === 0 ? 'empty: it may be removed' : `is being emptied: ${formatBytes(usedBytes)} left`;
    return [`${label}: ${left}`];
  }
  if (copy === undefined) return maySleep ? [`${label}: its disk may sleep while nobody uses it`] : [];
  const { line, isLate } = ageOfCopy(copy, state === 'online', now);
  return [isLate ? terminal.style('warning', `${label}: ${line}`) : `${label}: ${line}`];
}

function ageOfCopy(
  { current, due, mayLeave }: CopyAge,
  isHere: boolean,
  now: number,
): { line: string; isLate: boolean } {
  if (isHere) {
    const line = mayLeave ? 'this copy is current: you may unplug it now' : 'this copy is brought up to date';
    return { line, isLate: false };
  }
  if (current === null || due === null) return { line: 'never copied to whole: plug it in', isLate: true };
  const age = `copy ${formatDuration(now - current)} old`;
  if (due >= now) return { line: `${age}, due in ${formatDuration(due - now)}`, isLate: false };
  return { line: `${age}, overdue since ${formatDuration(now - due)}: plug it in`, isLate: true };
}

/** No alarm: it is meant to be elsewhere. */
function isAwayOnPurpose(node: NodeStatus): boolean {
  return isAway(node) && (node.copy !== undefined || node.mayBeGoneUntil !== undefined) && node.state === 'offline';
}

/** `away` for what the machine calls offline, when it is meant to be. */
const stateOf = (node: NodeStatus): string => (isAwayOnPurpose(node) ? 'away' : node.state);

const toneOf = (node: NodeStatus): Tone => (isAwayOnPurpose(node) ? 'faint' : stateTones[node.state]);

function isAway({ state }: NodeStatus): boolean {
  return state === 'offline' || state === 'foreign';
}

function renderFacts(status: DriveStatus, now: number): string[] {
  const amount = `${formatCount(status.files, 'file')} in ${formatCount(status.folders, 'folder')}`;
  return [
    `Stored   ${amount}, ${formatBytes(status.logicalBytes)}; room for ${formatBytes(status.availableBytes)} more`,
    `Copies   ${formatCount(status.segments.total, 'segment')} of ${formatBytes(status.storedBytes)} together, each wanted ${wantedTimes(status.volume)}; ${formatBytes(status.deadBytes)} to be given back`,
    `Healing  ${describeHealing(status)}`,
    `Reads    ${formatCount(status.reads.failovers, 'failover')}, ${formatCount(status.reads.checksumErrors, 'checksum error')} (all answered from a good copy or refused)`,
    `Scrub    ${describeScrub(status, now)}`,
    `Rebuild  ${describeRehearsal(status, now)}`,
    ...renderDamage(status),
  ];
}

function wantedTimes({ replicas, folderReplicas = [] }: DriveStatus['volume']): string {
  const usual = formatCount(replicas, 'time');
  return folderReplicas.length === 0 ? usual : `${usual} (in some folders ${folderReplicas.join(' or ')})`;
}

function describeHealing({ healing, segments }: DriveStatus): string {
  const behind = formatCount(segments.degraded, 'segment');
  if (healing.active) {
    const done = `${healing.healedSegments} done`;
    return `copying: ${formatCount(healing.queuedSegments, 'segment')} to go, ${done}`;
  }
  if (segments.degraded === 0) {
    const done = healing.healedSegments;
    return done === 0 ? 'nothing to do' : `nothing to do; ${formatCount(done, 'segment')} healed since the start`;
  }
  const start = healing.startsInMs === null ? '' : `; starts in ${formatDuration(healing.startsInMs)}`;
  return `${behind} with too few copies${start}`;
}

function describeRehearsal({ rehearsal, volume }: DriveStatus, now: number): string {
  if (!rehearsal) return `not rehearsed yet ("holdfast rehearse ${printable(volume.directory)}" proves it now)`;
  const ago = `${formatDuration(Math.max(0, now - rehearsal.time))} ago`;
  if (rehearsal.differences > 0) return `the rehearsal ${ago} FAILED: "holdfast rehearse" tells why`;
  return `proven ${ago}: ${formatCount(rehearsal.files, 'file')} from the nodes alone in ${formatDuration(rehearsal.durationMs)}`;
}

function renderDamage(status: DriveStatus): string[] {
  const { damagedFiles, segments, salvage } = status;
  const names = [...new Set([...(salvage?.files ?? []), ...damagedFiles])];
  if (names.length === 0 && segments.lost === 0) return ['Damage   none known'];
  const copies = segments.lost === 0 ? '' : `${formatCount(segments.lost, 'segment')} without a whole good copy here; `;
  if (names.length === 0) return [`Damage   ${copies}no file was found unreadable so far`];
  const count = Math.max(names.length, salvage?.damagedFiles ?? 0);
  const more = ` ("holdfast salvage ${printable(status.volume.directory)}" lists them)`;
  const files = pathList(names, { count, shown: shownDamagedFiles, indent: 9, more });
  return [`Damage   ${copies}files that cannot be read whole:`, ...files, ...helpfulNodes(status)];
}

function helpfulNodes({ salvage }: DriveStatus): string[] {
  const helpful = salvage?.nodes.filter(({ files }) => files > 0) ?? [];
  return helpful.map(({ label, files }) => {
    const whole = `${formatCount(files, 'file is', 'files are')} whole`;
    return `         plug in ${printable(label)} and ${whole}`;
  });
}
