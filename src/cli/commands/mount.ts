/** `holdfast mount`: mounts the drive of a running server with the recipe that fits this system best. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { DriveError } from '../../core/errors.js';
import { shellWord } from '../../core/text/shell-word.js';
import type { CommandContext } from '../command-context.js';
import { absolute, type CommandMaker, directoryArgument, examples } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { chooseRecipe, describeMounting, loginParameters, type RecipeName, recipeNames } from '../mount-recipes.js';
import { findServer, requireFolder } from '../with-drive.js';

interface MountCommandOptions {
  readonly with?: RecipeName;
  readonly user?: string;
}

export const mountCommand: CommandMaker = (context, act) =>
  new Command('mount')
    .description('mount the volume on this machine; its server must run')
    .argument(...directoryArgument)
    .argument('[WHERE]', 'an empty folder (default: holdfast/NAME in your home; on Windows a free drive letter)')
    .addOption(new Option('--with <TOOL>', 'use this tool (default: the best one here)').choices(recipeNames))
    .option('--user <NAME>', 'who logs in; the password is asked for, or read from standard input or HOLDFAST_PASSWORD')
    .addHelpText(
      'after',
      examples(
        ['holdfast mount ~/drive', 'in your home folder'],
        ['holdfast mount ~/drive --user ana < password.txt', 'for scripts'],
        ['holdfast mount ~/drive /mnt/drive --with rclone', 'by rclone, there'],
      ),
    )
    .action((operand: string, where: string | undefined, options: MountCommandOptions) =>
      act(`mount the volume at ${operand}`, {}, async () => {
        const { platform, host, terminal } = context;
        const directory = absolute(context, operand);
        await requireFolder(directory);
        const running = await findServer(context, directory);
        if (!running) {
          throw new DriveError('UNAVAILABLE', {
            message: 'no server runs for this volume, so there is nothing to mount yet',
            hint: `run "holdfast serve ${shellWord(operand)}" in another window, then this command again`,
          });
        }
        const { localUrl: url, fingerprint, volumeName } = running.facts;
        const { name, command, parameters } = await chooseRecipe(platform, host, options.with).catch(
          (error: unknown) => {
            terminal.print('By hand:');
            const lines = describeMounting({ platform, url, mountCommand: `holdfast mount ${shellWord(operand)}` });
            for (const line of lines) terminal.print(line);
            throw error;
          },
        );
        const place = mountPlace(context, where, volumeName);
        const login = loginParameters(name, { user: options.user, fingerprint: fingerprint ?? undefined });
        const code = await host.run(command, [...parameters, 'mount', url, ...place, ...login]);
        return code === 0 ? exitCodes.good : exitCodes.failed;
      }),
    );

/** Windows finds a free letter itself; elsewhere a folder is always named. */
function mountPlace(context: CommandContext, where: string | undefined, volumeName: string): readonly string[] {
  if (context.platform.name === 'windows') return where === undefined ? [] : [where];
  return [where === undefined ? join(context.host.homeFolder, 'holdfast', volumeName) : absolute(context, where)];
}
