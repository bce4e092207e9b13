/** `holdfast user list`. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

export const userListCommand: CommandMaker = (context, act) =>
  new Command('list')
    .description('list the users')
    .argument(...directoryArgument)
    .option(...jsonOption)
    .addHelpText('after', examples(['holdfast user list ~/drive', 'who may use it, and what each may do']))
    .action((operand: string, options: { readonly json?: boolean }) =>
      act(`list the users of ${operand}`, options, async () => {
        const { terminal } = context;
        const users = await withDrive(context, absolute(context, operand), (drive) => drive.users.list());
        const shown = users.map(({ name, rights }) => ({ name, rights }));
        if (options.json) terminal.printJson(shown);
        else if (shown.length === 0) terminal.print('No users: everybody on this computer may use the drive.');
        else
          for (const { name, rights } of shown)
            terminal.print(`${printable(name)}  ${rights === 'read' ? 'reads' : 'reads and writes'}`);
        return exitCodes.good;
      }),
    );
