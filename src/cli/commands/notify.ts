/** `holdfast notify`: where notices of events go. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { NoticeTarget } from '../../config/operator-file.js';
import { DriveError } from '../../core/errors.js';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

interface NotifyOptions {
  readonly command?: string;
  readonly webhook?: string;
  readonly off: boolean;
  readonly test: boolean;
  readonly json?: boolean;
}

export const notifyCommand: CommandMaker = (context, act) =>
  new Command('notify')
    .description('tell a program or a webhook when a disk goes, files are healed or damaged, a copy is overdue')
    .argument(...directoryArgument)
    .option('--command <PROGRAM>', 'run this program, without a shell; the event comes as JSON on its standard input')
    .option('--webhook <ADDRESS>', 'POST the event as JSON to this address')
    .option('--off', 'tell nobody any more', false)
    .option('--test', 'send a notice now', false)
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast notify ~/drive --command /usr/local/bin/tell-me --test', 'set it, and try it'],
        ['holdfast notify ~/drive --webhook https://ntfy.example/topic', 'a message on the phone'],
        ['holdfast notify ~/drive', 'what is set'],
      ),
    )
    .action((operand: string, options: NotifyOptions) =>
      act(`set the notices of ${operand}`, options, async () => {
        const wanted = targetOf(options, context.workingDirectory);
        const { terminal } = context;
        const { target } = await withDrive(context, absolute(context, operand), async ({ notices }) => {
          if (wanted !== undefined) await notices.set(wanted);
          if (options.test) await notices.test();
          return notices.describe();
        });
        if (options.json) terminal.printJson({ target, tested: options.test });
        else {
          terminal.print(target === null ? 'Notices go nowhere.' : `Notices go to ${printable(target)}.`);
          if (options.test) terminal.print('It took the test notice.');
          else if (wanted) terminal.print('Next:  the same with --test sends one now.');
        }
        return exitCodes.good;
      }),
    );

/** undefined: as it is. */
function targetOf({ command, webhook, off }: NotifyOptions, folder: string): NoticeTarget | null | undefined {
  if ([command !== undefined, webhook !== undefined, off].filter(Boolean).length > 1) {
    const hint = 'choose one of --command, --webhook and --off';
    throw new DriveError('USAGE', { message: 'notices go to one place', hint });
  }
  if (off) return null;
  if (webhook !== undefined) return { webhook };
  if (command === undefined) return undefined;
  // The server's folder is not the caller's.
  return { command: [/[/\\]/.test(command) ? resolve(folder, command) : command] };
}
