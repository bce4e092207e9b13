/** Files that cannot be read whole, for an owner who has just lost disks: what helps stands first. Pure. */
import type { DamagedFile, SalvageReport } from '../../drive-proof.js';
import { formatBytes, formatCount, formatDuration, printable } from './format.js';
import { renderTable } from './table.js';
import type { Terminal } from './terminal.js';

export function renderSalvage(report: SalvageReport, { terminal, now }: { terminal: Terminal; now: number }): string {
  const { damagedFiles, missingBytes, files } = report;
  if (damagedFiles === 0) return terminal.style('good', 'Every file can be read whole.');
  const left = damagedFiles - files.length;
  return [
    terminal.style('bad', `${formatCount(damagedFiles, 'file')} cannot be read whole now.`),
    `${formatBytes(missingBytes)} of ${damagedFiles === 1 ? 'it' : 'them'} are out of reach. All other bytes, and all other files, are served as ever.`,
    'Nothing is deleted, and nothing gets worse while you look for the disks.',
    '',
    ...helpers(report, now),
    ...rest(report),
    '',
    ...renderTable(
      [
        { title: 'FILE', align: 'left' },
        { title: 'SIZE', align: 'right' },
        { title: 'MISSING', align: 'right' },
        { title: 'IT LIES ON', align: 'left' },
      ],
      files.map((file) => [
        printable(file.path),
        formatBytes(file.sizeBytes),
        formatBytes(file.missingBytes),
        whereabouts(file),
      ]),
    ),
    ...(left > 0 ? [`and ${formatCount(left, 'more file')} ("--json" lists them)`] : []),
    '',
    ...nextSteps(report),
  ].join('\n');
}

function helpers({ nodes, unplaced }: SalvageReport, now: number): string[] {
  if (nodes.length === 0) return [];
  return renderTable(
    [
      { title: 'PLUG IN', align: 'left' },
      { title: 'AND WHOLE AGAIN ARE', align: 'right' },
      { title: 'IT WAS AT', align: 'left' },
      { title: 'AWAY FOR', align: 'right' },
    ],
    nodes.map(({ label, files, path, since }) => [
      printable(label),
      files === 0 && unplaced > 0 ? 'not known' : formatCount(files, 'file'),
      printable(path),
      `${formatDuration(Math.max(0, now - since))} or more`,
    ]),
  );
}

function rest({ together, unplaced, nowhere }: SalvageReport): string[] {
  return [
    ...(together > 0 ? [`${formatCount(together, 'file needs', 'files need')} several of these disks at once.`] : []),
    ...(unplaced > 0
      ? [`Of ${formatCount(unplaced, 'file')} it is not known where a part lies: one of the disks above may have it.`]
      : []),
    ...(nowhere > 0 ? [`Of ${formatCount(nowhere, 'file')} no known disk has a good copy of a part.`] : []),
  ];
}

function whereabouts({ missing }: DamagedFile): string {
  const places = new Set(
    missing.map(({ on }) => (on === null ? 'not known' : on.length === 0 ? 'no known disk' : on.join(' or '))),
  );
  return [...places].map(printable).join(' and ');
}

function nextSteps({ nodes, nowhere }: SalvageReport): string[] {
  const plug =
    nodes.length === 0 ? [] : ['Next:  plug in the disks above and wait half a minute; then run this again.'];
  const backup =
    nowhere === 0
      ? []
      : [
          'Next:  "holdfast attic list DIR" may show a copy that waits to be deleted; else save these files again from a',
          '       backup, under the same name. What can be read of them is served: ask for the other ranges.',
        ];
  return [...plug, ...backup, 'Never: "node remove --lost" or formatting a disk that may still be found or repaired.'];
}
