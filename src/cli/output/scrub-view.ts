/** What was read and verified when, for people. Times are milliseconds since 1970. Pure. */
import type { FileProof, JournalProof, Proof, ScrubReport } from '../../drive-proof.js';
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
      nodes.filter(({ role }) => role !== 'retired').map(({ label, proof, journal }) => ({ label, ...proof, journal })),
      now,
    ),
    ...nodes.flatMap(({ label, journal }) => (journal?.problem ? [`${printable(label)}: ${journal.problem}`] : [])),
    '',
    `Every copy and every journal is read again within ${formatDuration(periodMs)}, the oldest proof first, while the volume is served: at most`,
    `${formatBytes(bytesPerSecond)}/s, and a quarter of a disk's time while clients are there.`,
    `Since the start ${formatCount(readCopies, 'copy', 'copies')} of segments read (${formatBytes(readBytes)}), ${formatCount(badCopies, 'bad one')} found.`,
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
    unsealedSegments === 0
      ? []
      : [
          'A part of it lies in a segment that is still being written, and is not counted: not verified yet. It is, with all',
          'others, by "holdfast scrub DIR --now", and by itself when the segment is complete.',
        ];
  return [
    `${printable(path)}, ${formatBytes(sizeBytes)}`,
    ...(nodes.length === 0 ? [] : ['', ...proofTable(nodes, now), '']),
    ...bad,
    ...open,
  ].join('\n');
}

export function renderScrubRun(report: ScrubReport, terminal: Terminal): string {
  const { findings, degraded, notes, readCopies, readBytes, readJournals = 0 } = report;
  const list = (title: string, sentences: readonly string[]) =>
    sentences.length === 0 ? [] : [title, ...pathList(sentences)];
  return [
    `Read ${formatCount(readCopies, 'copy', 'copies')} and ${formatCount(readJournals, 'journal')} from their disks, ${formatBytes(readBytes)}.`,
    ...list(terminal.style('bad', 'Damage:'), findings),
    ...list(terminal.style('warning', 'Bad or unread copies:'), degraded),
    ...list('Good to know:', notes),
    conclusion(report, terminal),
  ].join('\n');
}

function conclusion(
  { findings, degraded, readCopies, readJournals = 0, unreadCopies = 0 }: ScrubReport,
  terminal: Terminal,
): string {
  if (findings.length > 0)
    return 'Next:  plug in every disk that is away; "holdfast salvage DIR" says which files it brings back.';
  if (unreadCopies > 0)
    return `${formatCount(unreadCopies, 'copy', 'copies')} could not be read, and nothing is said of them: plug in every disk, and run it again.`;
  if (degraded.length > 0) return 'No file is damaged. Bad copies of files are made again while the volume is served.';
  if (readCopies + readJournals === 0) return 'There was nothing to read.';
  return terminal.style('good', 'Everything that was read is good.');
}

function proofTable(
  rows: readonly (Proof & { readonly label: string; readonly journal?: JournalProof | undefined })[],
  now: number,
): string[] {
  const hasJournals = rows.some(({ journal }) => journal !== undefined);
  return renderTable(
    [
      { title: 'NODE', align: 'left' },
      { title: 'COPIES', align: 'right' },
      { title: 'VERIFIED', align: 'right' },
      { title: 'OLDEST PROOF', align: 'left' },
      ...(hasJournals ? [{ title: 'JOURNAL', align: 'left' } as const] : []),
    ],
    rows.map(({ label, copies, proven, oldest, journal }) => [
      printable(label),
      `${copies}`,
      `${proven}`,
      oldest === null ? '-' : age(oldest, now),
      ...(hasJournals ? [describeJournal(journal, now)] : []),
    ]),
  );
}

function describeJournal(journal: JournalProof | undefined, now: number): string {
  if (!journal || (journal.proven === null && journal.problem === null)) return 'not since the start';
  return journal.problem === null ? age(journal.proven!, now) : 'BAD';
}

const age = (time: number, now: number): string => `${formatDuration(Math.max(0, now - time))} ago`;
