/** `holdfast user add`. */
import { Command } from 'commander';
import { DriveError } from '../../core/errors.js';
import { absolute, type CommandMaker, directoryArgument, examples } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { askCredentials, requireUserName } from '../users/user-credentials.js';
import { withDrive } from '../with-drive.js';

export const userAddCommand: CommandMaker = (context, act) =>
  new Command('add')
    .description('let somebody use the volume; the password is asked for, or read from standard input')
    .argument(...directoryArgument)
    .argument('<NAME>', 'what the user logs in as')
    .option('--read-only', 'may look, and change nothing', false)
    .addHelpText(
      'after',
      examples(
        ['holdfast user add ~/drive ana', 'asks twice'],
        ['holdfast user add ~/drive ben --read-only < password.txt', 'for scripts'],
      ),
    )
    .action((operand: string, name: string, options: { readonly readOnly: boolean }) =>
      act(`add the user ${name} to ${operand}`, {}, async () => {
        requireUserName(name);
        const rights = options.readOnly ? 'read' : 'write';
        await withDrive(context, absolute(context, operand), async (drive) => {
          const present = await drive.users.list();
          if (present.some((user) => user.name === name)) {
            throw new DriveError('EXISTS', {
              message: `there is a user ${name} already`,
              hint: 'change the password with: holdfast user passwd',
            });
          }
          const { volume } = await drive.status();
          const credentials = await askCredentials(context, name, volume.id);
          await drive.users.change({ name, rights, credentials, only: 'new' });
          context.terminal.print(`Added the user ${name}, who may ${rights === 'read' ? 'read' : 'read and write'}.`);
          if (present.length === 0)
            context.terminal.print('From now on the drive asks everybody for name and password.');
        });
        return exitCodes.good;
      }),
    );
