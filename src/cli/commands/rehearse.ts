/** `holdfast rehearse`: proves that the index can be made anew from the nodes, without touching either. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { formatCount, printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

export const rehearseCommand: CommandMaker = (context, act) =>
  new Command('rehearse')
    .description('prove that the volume can be rebuilt from its nodes alone; exit code 0 or 3')
    .argument(...directoryArgument)
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples([
        'holdfast rehearse ~/drive',
        'rebuilds the index aside and compares; a drive that is served does so every night',
      ]),
    )
    .action((operand: string, options: { readonly json?: boolean }) =>
      act(`rehearse the rebuild of the volume at ${operand}`, options, async () => {
        const { terminal, stop } = context;
        const report = await withDrive(context, absolute(context, operand), (drive) =>
          drive.rehearse({ signal: stop }),
        );
        const isProven = report.differences === 0;
        if (options.json) {
          terminal.printJson(report);
        } else if (isProven) {
          const seconds = (report.durationMs / 1000).toFixed(1);
          terminal.print(`Rebuilt ${formatCount(report.files, 'file')} from the nodes alone in ${seconds} s.`);
          terminal.print(terminal.style('good', 'No difference: this volume does not depend on its index.'));
        } else {
          terminal.print(terminal.style('bad', 'The nodes alone would not give back this volume:'));
          for (const problem of report.problems) terminal.print(`  ${printable(problem)}`);
          terminal.print(`Next:  keep ${operand}, best a copy of it on another disk too; plug in every disk; then`);
          terminal.print(`       "holdfast check ${operand}", and rehearse again.`);
        }
        return isProven ? exitCodes.good : exitCodes.damaged;
      }),
    );
