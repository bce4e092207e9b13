/** `holdfast user remove`. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { requireUserName } from '../users/user-credentials.js';
import { withDrive } from '../with-drive.js';

export const userRemoveCommand: CommandMaker = (context, act) =>
  new Command('remove')
    .description('let a user in no more; in force for the next request')
    .argument(...directoryArgument)
    .argument('<NAME>', 'the user')
    .addHelpText('after', examples(['holdfast user remove ~/drive ben', 'also while it is being served']))
    .action((operand: string, name: string) =>
      act(`remove the user ${name} from ${operand}`, {}, async () => {
        requireUserName(name);
        const { terminal } = context;
        await withDrive(context, absolute(context, operand), async (drive) => {
          await drive.users.change({ name, credentials: null, only: 'present' });
          terminal.print(`Removed the user ${name}.`);
          const left = await drive.users.list();
          if (left.length === 0) {
            terminal.print('It was the last one: everybody on this computer may use the drive now, and nobody else.');
          }
        });
        return exitCodes.good;
      }),
    );
