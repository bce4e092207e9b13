/** What was saved of a node's other history, for an owner who wants to use that disk again. Pure. */
import { shellWord } from '../../core/text/shell-word.js';
import type { NodeSalvageReport } from '../../drive-proof.js';
import { formatBytes, formatCount, printable } from './format.js';
import type { Terminal } from './terminal.js';

const shownFiles = 20;

/** `directory`: the volume's, as it was given. */
export function renderNodeSalvage(
  report: NodeSalvageReport,
  { terminal, directory }: { readonly terminal: Terminal; readonly directory: string },
): string {
  const { dryRun, changedFiles, presentFiles, savedFiles, savedBytes, files } = report;
  const label = printable(report.label);
  if (changedFiles === 0) {
    const nothing = `${label} holds no file of another history that the drive does not have at the same path.`;
    return [terminal.style('good', nothing), '', ...nextSteps(report, directory)].join('\n');
  }
  const verb = dryRun ? 'would be saved' : savedFiles === 1 ? 'was saved' : 'were saved';
  const shown = files.slice(0, shownFiles);
  return [
    `${formatCount(changedFiles, 'file')} on ${label} changed in another history and ${changedFiles === 1 ? 'is' : 'are'} not in the drive at the same path.`,
    ...(savedFiles > 0
      ? [terminal.style('good', `${formatCount(savedFiles, 'file')} (${formatBytes(savedBytes)}) ${verb}:`)]
      : []),
    ...shown.map((path) => `  ${printable(path)}`),
    ...(savedFiles > shown.length ? [`  and ${formatCount(savedFiles - shown.length, 'more file')}`] : []),
    ...(presentFiles > 0 ? [`${formatCount(presentFiles, 'file')} had been saved before.`] : []),
    ...failures(report, terminal),
    dryRun
      ? `Nothing was changed: neither the drive nor ${label}.`
      : `No other file of the drive was changed, and nothing on ${label}.`,
    '',
    ...(dryRun ? ['Next:  run it without --dry-run'] : nextSteps(report, directory)),
  ].join('\n');
}

function failures({ failedFiles, failed }: NodeSalvageReport, terminal: Terminal): string[] {
  if (failedFiles === 0) return [];
  const shown = failed.slice(0, shownFiles);
  return [
    terminal.style(
      'bad',
      `${formatCount(failedFiles, 'file')} could not be saved, and nothing of ${failedFiles === 1 ? 'it' : 'them'} was:`,
    ),
    ...shown.map(({ path, reason }) => `  ${printable(path)}: ${printable(reason)}`),
    ...(failedFiles > shown.length
      ? [`  and ${formatCount(failedFiles - shown.length, 'more file')} ("--json" lists them)`]
      : []),
  ];
}

function nextSteps(report: NodeSalvageReport, directory: string): string[] {
  const { label, path, failedFiles, savedFiles, presentFiles, dryRun } = report;
  const look =
    savedFiles + presentFiles > 0 ? ['Next:  look at the folder, and move what you miss to where it belongs'] : [];
  if (failedFiles > 0) {
    return [...look, 'Next:  plug in the other disks, and run this again; what is there already is not saved twice'];
  }
  if (dryRun) return [];
  const again = [
    `Then:  to use this disk again: holdfast node remove ${shellWord(directory)} ${shellWord(label)} --lost`,
    `       empty ${printable(path)} by hand, and holdfast node add ${shellWord(directory)} ${shellWord(path)}`,
  ];
  return [...look, ...again];
}
