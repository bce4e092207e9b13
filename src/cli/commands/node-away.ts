/** `holdfast node away`: a full copy that is elsewhere most of the time. */
import { Command } from 'commander';
import { DriveError } from '../../core/errors.js';
import { shellWord } from '../../core/text/shell-word.js';
import { absolute, type CommandMaker, directoryArgument, duration, examples, nodeArgument } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { formatDuration, printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

interface AwayOptions {
  readonly every?: number;
  readonly never: boolean;
}

export const nodeAwayCommand: CommandMaker = (context, act) =>
  new Command('away')
    .description('make a node a full copy that is plugged in now and then (a weekly disk, an off-site pair)')
    .argument(...directoryArgument)
    .argument(...nodeArgument)
    .option('--every <TIME>', 'how often it shall be here: 7d, 12h, 2w', duration)
    .option('--never', 'make it an ordinary node again', false)
    .addHelpText(
      'after',
      examples(
        ['holdfast node away ~/drive usb --every 7d', 'a copy that is brought up to date each week'],
        ['holdfast node away ~/drive usb --never', 'it stays here, and its copies count'],
      ),
    )
    .action((operand: string, node: string, { every, never }: AwayOptions) =>
      act(`change the node ${node} of ${operand}`, {}, async () => {
        if (never === (every !== undefined)) {
          const hint = 'say --every 7d for a copy that is here each week, or --never for an ordinary node';
          throw new DriveError('USAGE', { message: 'one of --every and --never is needed', hint });
        }
        const everyMs = every ?? null;
        await withDrive(context, absolute(context, operand), (drive) => drive.disks.away({ node, everyMs }));
        const { terminal } = context;
        if (everyMs === null) {
          terminal.print(`${printable(node)} is an ordinary node again: its copies count, and new files go to it.`);
          return exitCodes.good;
        }
        const name = printable(node);
        terminal.print(`${name} is a full copy beside the others now, to be here every ${formatDuration(everyMs)}.`);
        terminal.print(
          `Next:  leave it in while the drive is served, until holdfast status ${shellWord(operand)} says that it may be unplugged.`,
        );
        return exitCodes.good;
      }),
    );
