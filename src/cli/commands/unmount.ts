/** `holdfast unmount`: takes a mount away again, by its place or by the volume's directory. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Command } from 'commander';
import { DriveError } from '../../core/errors.js';
import type { CommandContext } from '../command-context.js';
import { absolute, type CommandMaker, examples } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { isSameUrl, parseMounts, type Recipe, recipe } from '../mount-recipes.js';
import { findServer } from '../with-drive.js';

interface UnmountStep {
  readonly recipe: Recipe;
  /** A folder, a drive letter or the drive's URL. */
  readonly target: string;
}

export const unmountCommand: CommandMaker = (context, act) =>
  new Command('unmount')
    .description('unmount the volume on this machine; waits until everything saved has arrived')
    .argument('<DIR|WHERE>', "the volume's directory while its server runs, or where it is mounted")
    .addHelpText(
      'after',
      examples(
        ['holdfast unmount ~/drive', 'wherever this volume is mounted'],
        ['holdfast unmount /mnt/drive', 'also when the server is gone'],
      ),
    )
    .action((operand: string) =>
      act(`unmount ${operand}`, {}, async () => {
        let failed = false;
        for (const { recipe: chosen, target } of await findSteps(context, operand)) {
          const code = await context.host.run(chosen.command, [...chosen.parameters, 'unmount', target]);
          failed ||= code !== 0;
        }
        return failed ? exitCodes.failed : exitCodes.good;
      }),
    );

async function findSteps(context: CommandContext, operand: string): Promise<UnmountStep[]> {
  const { platform, host } = context;
  const isDriveLetter = platform.name === 'windows' && /^[A-Za-z]:$/.test(operand);
  const path = isDriveLetter ? operand : absolute(context, operand);
  if (platform.name === 'linux') return findLinuxSteps(context, path);
  const running = isDriveLetter ? undefined : await findServer(context, path);
  return [{ recipe: recipe(platform.name, host), target: running?.facts.localUrl ?? path }];
}

async function findLinuxSteps(context: CommandContext, path: string): Promise<UnmountStep[]> {
  const { host } = context;
  const place = await withoutLinks(path);
  const mounts = parseMounts(await host.readMountTable());
  // Looked for in the table before anything below the path is touched: a mount whose server is gone may hang.
  const here = mounts.filter((mount) => mount.where === place);
  const running = here.length > 0 ? undefined : await findServer(context, path);
  const url = running?.facts.localUrl;
  const found = url === undefined ? here : mounts.filter((mount) => isSameUrl(mount.source, url));
  if (found.length > 0) return found.map((mount) => ({ recipe: recipe(mount.recipe, host), target: mount.where }));
  if (url !== undefined && (await host.hasProgram('gio'))) return [{ recipe: recipe('gio', host), target: url }];
  throw new DriveError('NOT_FOUND', {
    message: `nothing is mounted at ${path}${url === undefined ? ', and no server of a volume runs there' : ''}`,
    hint: mounts.length > 0 ? `mounted are: ${mounts.map((mount) => mount.where).join(', ')}` : 'nothing is to be done',
  });
}

/** As the mount table has it. The last part is not looked at, since a mount whose server is gone may hang. */
async function withoutLinks(path: string): Promise<string> {
  const parent = await realpath(dirname(path)).catch(() => dirname(path));
  return join(parent, basename(path));
}
