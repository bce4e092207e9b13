/** `holdfast check`: tests the invariants of the index against what the nodes hold. */
import { Command, InvalidArgumentError } from 'commander';
import type { CheckReport, DataPart } from '../../drive-contract.js';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodeOfCheck } from '../exit-codes.js';
import { formatBytes, formatCount } from '../output/format.js';
import { pathList } from '../output/path-list.js';
import { ProgressLine } from '../output/progress-line.js';
import type { Terminal } from '../output/terminal.js';
import { withDrive } from '../with-drive.js';

export const checkCommand: CommandMaker = (context, act) =>
  new Command('check')
    .description('test that index and nodes fit together; exit code 0, 3 (damage) or 4 (degraded)')
    .argument(...directoryArgument)
    .option('--read-data [n/t]', 'also read and verify all copies, or the n-th of t parts of them', partOf)
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast check ~/drive', 'also while it is being served'],
        ['holdfast check ~/drive --read-data', 'read every copy: as long as reading the disks takes'],
        ['holdfast check ~/drive --read-data=3/7', 'a seventh of it, on the third day of the week'],
      ),
    )
    .action((operand: string, options: { readonly json?: boolean; readonly readData?: DataPart | true }) =>
      act(`check the volume at ${operand}`, options, async () => {
        const { terminal, clock, stop } = context;
        const progress = new ProgressLine({ sink: terminal.err, clock });
        const readData = options.readData === true ? { part: 1, parts: 1 } : options.readData;
        try {
          const report = await withDrive(context, absolute(context, operand), (drive) =>
            drive.check({ readData, signal: stop, onProgress: progress.show }),
          );
          progress.end();
          if (options.json) terminal.printJson(report);
          else printReport(report, terminal);
          return exitCodeOfCheck(report);
        } finally {
          progress.end();
        }
      }),
    );

const mostParts = 1_000_000;

function partOf(text: string): DataPart {
  const [, part, parts] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (part !== undefined && parts !== undefined && part >= 1 && part <= parts && parts <= mostParts) {
    return { part, parts };
  }
  throw new InvalidArgumentError('It is n/t, the n-th of t parts: 1/7 to 7/7.');
}

function printReport(report: CheckReport, terminal: Terminal): void {
  const amount = `${formatCount(report.checkedFiles, 'file')} and ${formatCount(report.checkedSegments, 'segment')}`;
  const { readCopies, readBytes } = report;
  const read = readCopies === 0 ? '' : `; read ${formatCount(readCopies, 'copy', 'copies')}, ${formatBytes(readBytes)}`;
  terminal.print(`Checked ${amount}${read}.`);
  printList(terminal, terminal.style('bad', 'Damage:'), report.findings);
  printList(terminal, terminal.style('warning', 'Fewer good copies than wanted:'), report.degraded);
  printList(terminal, 'Good to know:', report.notes);
  terminal.print(concludeCheck(report, terminal));
}

function concludeCheck({ findings, degraded }: CheckReport, terminal: Terminal): string {
  if (findings.length > 0)
    return 'Next:  plug in every disk that is away and check again; "holdfast salvage DIR" names the files and the disks.';
  if (degraded.length > 0)
    return 'Sound. Missing copies are made again while the drive is served; what cannot be read now: "holdfast salvage DIR".';
  return terminal.style('good', 'Sound: every file has its copies.');
}

function printList(terminal: Terminal, title: string, sentences: readonly string[]): void {
  if (sentences.length === 0) return;
  terminal.print(title);
  for (const line of pathList(sentences)) terminal.print(line);
}
