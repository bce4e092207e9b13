/** What was read and verified when, for people. Times are milliseconds since 1970. Pure. */
import type { FileProof, Proof, ScrubReport } from '../../drive-proof.js';
import type { DriveStatus } from '../../drive-status.js';
import { formatBytes, formatCount, formatDuration, printable } from './format.js';
import { pathList } from './path-list.js';
import { renderTable } from './table.js';
import type { Terminal } from './terminal.js';

/** A copy that the stated period does not cover; new ones are not counted. */
export function isOverdue({ oldest, periodMs }: DriveStatus['scrub'], now: number): boolean {
  return oldest !== null && now - oldest > periodMs;
}

/** One line of the status. */
export function describeScrub({ scrub }: Pick<DriveStatus, 'scrub'>, now: number): string {
  const { copies, proven, badCopies } = scrub;
  const bad = badCopies === 0 ? '' : `; ${formatCount(badCopies, 'bad copy', 'bad copies')} found since the start`;
  if (copies === 0) return `nothing to verify yet${bad}`;
  const done = proven === copies ? `all ${formatCount(copies, 'copy', 'copies')}` : `${proven} of ${copies} copies`;
  const since = scrub.oldest === null ? '' : `, the oldest proof ${age(scrub.oldest, now)}`;
  return `${done} read and verified${since}${isOverdue(scrub, now) ? ' (OVERDUE)' : ''}${bad}`;
}

export function renderScrub({ nodes, scrub }: Pick<DriveStatus, 'nodes' | 'scrub'>, now: number): string {
  const { periodMs, bytesPerSecond, readCopies, readBytes, badCopies } = scrub;
  return [
    ...proofTable(
      nodes.filter(({ role }) => role !== 'retired').map(({ label, proof }) => ({ label, ...proof })),
      now,
    ),
    '',
    `Every copy is read again within ${formatDuration(periodMs)}, the oldest proof first, while the volume is served: at most`,
    `${formatBytes(bytesPerSecond)}/s, and a quarter of a disk's time while clients are there.`,
    `Since the start ${formatCount(readCopies, 'copy', 'copies')} read (${formatBytes(readBytes)}), ${formatCount(badCopies, 'bad one')} found.`,
    ...(isOverdue(scrub, now)
      ? ['Next:  keep the volume served for longer, plug in every disk, or read everything with "--now".']
      : []),
  ].join('\n');
}

export function renderFileProof(proof: FileProof, now: number): string {
  const { path, sizeBytes, badCopies, unsealedSegments, nodes } = proof;
  const bad =
    badCopies === 0 ? [] : [`${formatCount(badCopies, 'copy is', 'copies are')} bad and made again from good ones.`];
  const open =
    unsealedSegments === 0 ? [] : ['A part of it was saved just now: it is verified when its segment is complete.'];
  return [
    `${printable(path)}, ${formatBytes(sizeBytes)}`,
    ...(nodes.length === 0 ? [] : ['', ...proofTable(nodes, now), '']),
    ...bad,
    ...open,
  ].join('\n');
}

export function renderScrubRun(report: ScrubReport, terminal: Terminal): string {
  const { findings, degraded, notes, readCopies, readBytes } = report;
  const list = (title: string, sentences: readonly string[]) =>
    sentences.length === 0 ? [] : [title, ...pathList(sentences)];
  return [
    `Read ${formatCount(readCopies, 'copy', 'copies')} from their disks, ${formatBytes(readBytes)}.`,
    ...list(terminal.style('bad', 'Damage:'), findings),
    ...list(terminal.style('warning', 'Bad or unread copies:'), degraded),
    ...list('Good to know:', notes),
    conclusion(report, terminal),
  ].join('\n');
}

function conclusion({ findings, degraded, readCopies }: ScrubReport, terminal: Terminal): string {
  if (findings.length > 0)
    return 'Next:  plug in every disk that is away; "holdfast salvage DIR" says which files it brings back.';
  if (degraded.length > 0) return 'No file is damaged. Bad copies are made again while the volume is served.';
  if (readCopies === 0) return 'There was nothing to read.';
  return terminal.style('good', 'Every copy that was read is good.');
}

function proofTable(rows: readonly (Proof & { readonly label: string })[], now: number): string[] {
  return renderTable(
    [
      { title: 'NODE', align: 'left' },
      { title: 'COPIES', align: 'right' },
      { title: 'VERIFIED', align: 'right' },
      { title: 'OLDEST PROOF', align: 'left' },
    ],
    rows.map(({ label, copies, proven, oldest }) => [
      printable(label),
      `${copies}`,
      `${proven}`,
      oldest === null ? '-' : age(oldest, now),
    ]),
  );
}

const age = (time: number, now: number): string => `${formatDuration(Math.max(0, now - time))} ago`;
