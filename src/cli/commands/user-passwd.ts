/** `holdfast user passwd`. */
import { Command } from 'commander';
import { DriveError } from '../../core/errors.js';
import { absolute, type CommandMaker, directoryArgument, examples } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { askCredentials, requireUserName } from '../users/user-credentials.js';
import { withDrive } from '../with-drive.js';

interface UserPasswdOptions {
  readonly readOnly?: boolean;
  readonly readWrite?: boolean;
}

export const userPasswdCommand: CommandMaker = (context, act) =>
  new Command('passwd')
    .description("change a user's password, or with an option the rights alone; in force for the next request")
    .argument(...directoryArgument)
    .argument('<NAME>', 'the user')
    .option('--read-only', 'keep the password; from now on the user may only look')
    .option('--read-write', 'keep the password; from now on the user may change things too')
    .addHelpText(
      'after',
      examples(
        ['holdfast user passwd ~/drive ana', 'asks twice'],
        ['holdfast user passwd ~/drive ana --read-only', 'the same password, fewer rights'],
      ),
    )
    .action((operand: string, name: string, options: UserPasswdOptions) =>
      act(`change the user ${name} of ${operand}`, {}, async () => {
        requireUserName(name);
        if (options.readOnly && options.readWrite) {
          throw new DriveError('USAGE', { message: '--read-only and --read-write exclude each other' });
        }
        await withDrive(context, absolute(context, operand), async (drive) => {
          if (!(await drive.users.list()).some((user) => user.name === name)) {
            throw new DriveError('NOT_FOUND', { message: `there is no user ${name}`, hint: 'see: holdfast user list' });
          }
          if (options.readOnly || options.readWrite) {
            await drive.users.change({ name, rights: options.readOnly ? 'read' : 'write', only: 'present' });
            context.terminal.print(`${name} may ${options.readOnly ? 'only read' : 'read and write'} from now on.`);
            return;
          }
          const { volume } = await drive.status();
          const credentials = await askCredentials(context, name, volume.id);
          await drive.users.change({ name, credentials, only: 'present' });
          context.terminal.print(`Changed the password of ${name}.`);
        });
        return exitCodes.good;
      }),
    );
