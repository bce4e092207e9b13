/** `holdfast protect`: how many copies the files below a folder have. */
import { Command, InvalidArgumentError } from 'commander';
import { DriveError } from '../../core/errors.js';
import type { ProtectionReport } from '../../drive-contract.js';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { formatCount, printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

const mostReplicas = 9;

/** null: what the folder above says. */
function copies(text: string): number | null {
  if (text === 'default') return null;
  const value = Number(text);
  if (/^\d$/.test(text) && value >= 1) return value;
  throw new InvalidArgumentError(`It is a whole number from 1 to ${mostReplicas}, or "default".`);
}

const exampleLines = examples(
  ['holdfast protect ~/drive /photos 3', 'any two disks may be lost without losing a photo'],
  ['holdfast protect ~/drive /scratch 1', 'one copy: half the room, gone with its disk'],
  ['holdfast protect ~/drive /photos default', 'as the folder above, or the volume'],
  ['holdfast protect ~/drive', 'what is set'],
);

export const protectCommand: CommandMaker = (context, act) =>
  new Command('protect')
    .description('say how many copies the files below a folder have')
    .argument(...directoryArgument)
    .argument('[FOLDER]', 'a folder of the volume, such as /photos; / is all of it')
    .argument('[COPIES]', 'how many nodes hold each file below it, 1 to 9, or "default"', copies)
    .option(...jsonOption)
    .addHelpText('after', exampleLines)
    .action((operand: string, folder: string | undefined, replicas: number | null | undefined, options: Options) =>
      act(`protect folders of ${operand}`, options, async () => {
        const { terminal } = context;
        if (folder !== undefined && replicas === undefined) throw noNumber(folder);
        const report = await withDrive(context, absolute(context, operand), async ({ protection }) => {
          if (folder !== undefined && replicas !== undefined) await protection.set({ folder, replicas });
          return protection.list();
        });
        if (options.json) terminal.printJson(report);
        else terminal.print(describe(report, folder).join('\n'));
        return exitCodes.good;
      }),
    );

const noNumber = (folder: string): DriveError =>
  new DriveError('USAGE', {
    message: `how many copies shall files in ${folder} have?`,
    hint: `add a number from 1 to ${mostReplicas}, or "default"; without the folder, what is set is listed`,
  });

interface Options {
  readonly json?: boolean;
}

function describe({ replicas, nodes, folders }: ProtectionReport, asked: string | undefined): string[] {
  const lines = folders.map(
    ({ folder, replicas: own }) => `${printable(folder)}  ${formatCount(own, 'copy', 'copies')}`,
  );
  const most = Math.max(...folders.map((folder) => folder.replicas), 0);
  return [
    ...lines,
    `${folders.length === 0 ? 'Every file' : 'Everything else'}: ${formatCount(replicas, 'copy', 'copies')}.`,
    ...(most > nodes
      ? [
          `There are only ${formatCount(nodes, 'node')}: ${most} copies need more, so fewer are made until they are added.`,
        ]
      : []),
    ...(asked === undefined ? [] : ['Files that are there already are brought to it in the background.']),
  ];
}
