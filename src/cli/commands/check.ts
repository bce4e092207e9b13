/** `holdfast check`: tests the invariants of the index against what the nodes hold. */
import { Command } from 'commander';
import type { CheckReport } from '../../drive-contract.js';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodeOfCheck } from '../exit-codes.js';
import { formatCount, printable } from '../output/format.js';
import { ProgressLine } from '../output/progress-line.js';
import type { Terminal } from '../output/terminal.js';
import { withDrive } from '../with-drive.js';

export const checkCommand: CommandMaker = (context, act) =>
  new Command('check')
    .description('test that index and nodes fit together; exit code 0, 3 (damage) or 4 (degraded)')
    .argument(...directoryArgument)
    .option(...jsonOption)
    .addHelpText('after', examples(['holdfast check ~/drive', 'also while it is being served']))
    .action((operand: string, options: { readonly json?: boolean }) =>
      act(`check the volume at ${operand}`, options, async () => {
        const { terminal, clock, stop } = context;
        const progress = new ProgressLine({ sink: terminal.err, clock });
        try {
          const report = await withDrive(context, absolute(context, operand), (drive) =>
            drive.check({ signal: stop, onProgress: progress.show }),
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

function printReport(report: CheckReport, terminal: Terminal): void {
  const amount = `${formatCount(report.checkedFiles, 'file')} and ${formatCount(report.checkedSegments, 'segment')}`;
  terminal.print(`Checked ${amount}.`);
  printList(terminal, terminal.style('bad', 'Damage:'), report.findings);
  printList(terminal, terminal.style('warning', 'Fewer copies than wanted:'), report.degraded);
  terminal.print(concludeCheck(report, terminal));
}

function concludeCheck({ findings, degraded }: CheckReport, terminal: Terminal): string {
  if (findings.length > 0)
    return 'Next:  plug in every disk that is away and check again; "holdfast status DIR" names files found unreadable.';
  if (degraded.length > 0) return 'Sound. Missing copies are made again while the drive is served.';
  return terminal.style('good', 'Sound: every file has its copies.');
}

function printList(terminal: Terminal, title: string, sentences: readonly string[]): void {
  if (sentences.length === 0) return;
  terminal.print(title);
  for (const sentence of sentences) terminal.print(`  ${printable(sentence)}`);
}
