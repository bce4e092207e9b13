/** `holdfast heal`: makes missing copies now, without waiting for the grace of disks that are away. */
import { Command } from 'commander';
import { shellWord } from '../../core/text/shell-word.js';
import type { HealReport } from '../../drive-disks.js';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { followed } from '../output/follow.js';
import { formatBytes, formatCount, printable } from '../output/format.js';
import type { Terminal } from '../output/terminal.js';
import { withDrive } from '../with-drive.js';

export const healCommand: CommandMaker = (context, act) =>
  new Command('heal')
    .description('make missing copies now, without waiting for disks that are away; exit code 0 or 4')
    .argument(...directoryArgument)
    .option('--dry-run', 'say what would be copied', false)
    .option(...jsonOption)
    .addHelpText('after', examples(['holdfast heal ~/drive', 'a disk is dead, or stays away for long']))
    .action((operand: string, { dryRun, json }: { readonly dryRun: boolean; readonly json?: boolean }) =>
      act(`heal ${operand}`, { json }, async () => {
        const report = await withDrive(context, absolute(context, operand), (drive) =>
          followed(context, (following) => drive.disks.heal({ dryRun, ...following })),
        );
        if (json) context.terminal.printJson(report);
        else printReport(report, context.terminal, shellWord(operand));
        return report.leftSegments > 0 ? exitCodes.degraded : exitCodes.good;
      }),
    );

function printReport(report: HealReport, terminal: Terminal, directory: string): void {
  const { dryRun, segments, copyBytes, leftSegments, withoutNodes } = report;
  if (withoutNodes.length > 0) terminal.print(`Not waited for: ${withoutNodes.map(printable).join(', ')}.`);
  const copies = `${formatCount(segments, 'copy', 'copies')}, ${formatBytes(copyBytes)}`;
  if (segments > 0) terminal.print(dryRun ? `Would be made: ${copies}.` : `Made: ${copies}.`);
  if (leftSegments > 0) {
    const left = `${formatCount(leftSegments, 'segment')} ${dryRun ? 'would stay' : 'still'} with too few copies`;
    terminal.print(`${terminal.style('warning', left)}: there is no further disk with room, or no good copy is here.`);
    terminal.print(`Next:  plug in what is away, or holdfast node add ${directory} PATH`);
  } else if (!dryRun || segments === 0) terminal.print(terminal.style('good', 'Every file has its copies.'));
}
