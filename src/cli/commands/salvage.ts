/** `holdfast salvage`: which files cannot be read whole, what of them is missing, and which disk brings it back. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { renderSalvage } from '../output/salvage-view.js';
import { withDrive } from '../with-drive.js';

const shownFiles = 1_000;
/** One document; who has more damaged files reads `damagedFiles`, and plugs in the disks first. */
const listedFiles = 100_000;

export const salvageCommand: CommandMaker = (context, act) =>
  new Command('salvage')
    .description('name the files that cannot be read whole now, and the disks that bring them back; exit code 0 or 3')
    .argument(...directoryArgument)
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast salvage ~/drive', 'changes nothing; also while the volume can only be read'],
        ['holdfast salvage ~/drive --json', 'every file with the bytes that are missing, for scripts'],
      ),
    )
    .action((operand: string, options: { readonly json?: boolean }) =>
      act(`list the damaged files of ${operand}`, options, async () => {
        const { terminal, clock, stop } = context;
        const limit = options.json ? listedFiles : shownFiles;
        const report = await withDrive(context, absolute(context, operand), (drive) =>
          drive.proofs.salvage({ limit, signal: stop }),
        );
        if (options.json) terminal.printJson(report);
        else terminal.print(renderSalvage(report, { terminal, now: clock.now() }));
        return report.damagedFiles > 0 ? exitCodes.damaged : exitCodes.good;
      }),
    );
