/** `holdfast doctor`: what could go wrong with the disks on this machine, and what to do about it. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

export const doctorCommand: CommandMaker = (context, act) =>
  new Command('doctor')
    .description('look for what could go wrong with these disks, and say what to do; exit code 0 or 4')
    .argument(...directoryArgument)
    .option(...jsonOption)
    .addHelpText('after', examples(['holdfast doctor ~/drive', 'after init, and after every change of disks']))
    .action((operand: string, { json }: { readonly json?: boolean }) =>
      act(`examine ${operand}`, { json }, async () => {
        const { terminal } = context;
        const advice = await withDrive(context, absolute(context, operand), (drive) => drive.disks.examine());
        if (json) terminal.printJson(advice);
        else {
          for (const { finding, next } of advice) {
            terminal.print(`${terminal.style('warning', '!')} ${printable(finding)}`);
            terminal.print(`  Next:  ${printable(next)}`);
          }
          if (advice.length === 0) terminal.print(terminal.style('good', 'Nothing was found.'));
        }
        return advice.length > 0 ? exitCodes.degraded : exitCodes.good;
      }),
    );
