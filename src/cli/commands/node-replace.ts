/** `holdfast node replace`: another disk in place of one, in one command. */
import { Command } from 'commander';
import { shellWord } from '../../core/text/shell-word.js';
import {
  absolute,
  type CommandMaker,
  directoryArgument,
  examples,
  jsonOption,
  nodeArgument,
} from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { followed } from '../output/follow.js';
import { formatBytes, formatCount, printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';
import { printDrain } from './node-drain.js';

interface ReplaceOptions {
  readonly lost: boolean;
  readonly wait: boolean;
  readonly json?: boolean;
}

export const nodeReplaceCommand: CommandMaker = (context, act) =>
  new Command('replace')
    .description('add a new directory and empty an old node into the others')
    .argument(...directoryArgument)
    .argument(...nodeArgument)
    .argument('<PATH>', 'the new one: an empty directory, best on a disk of its own')
    .option('--lost', 'the old disk is dead: remove it, and make its copies anew', false)
    .option('--no-wait', 'only begin; the server goes on with it')
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast node replace ~/drive node-2 /disk4/hold', 'a bigger disk for an old one'],
        ['holdfast node replace ~/drive node-2 /disk4/hold --lost', 'its disk is dead'],
      ),
    )
    .action((operand: string, node: string, path: string, { lost, wait, json = false }: ReplaceOptions) =>
      act(`replace the node ${node} of ${operand}`, { json }, async () => {
        const place = absolute(context, path);
        return withDrive(context, absolute(context, operand), async (drive) => {
          const options = { node, path: place, lost, wait };
          const report = await followed(context, (following) => drive.disks.replace({ ...options, ...following }));
          if (!lost) return printDrain(report, { context, operand, json, waited: wait });
          const { terminal } = context;
          const healed = wait
            ? await followed(context, (following) => drive.disks.heal({ dryRun: false, ...following }))
            : undefined;
          if (json) terminal.printJson({ ...report, healed: healed ?? null });
          else {
            terminal.print(`${printable(place)} took the place of ${printable(report.label)}, which was removed.`);
            if (healed)
              terminal.print(
                `Made anew: ${formatCount(healed.segments, 'copy', 'copies')}, ${formatBytes(healed.copyBytes)}.`,
              );
            if (!healed || healed.leftSegments > 0) terminal.print(`Next:  holdfast status ${shellWord(operand)}`);
          }
          return healed && healed.leftSegments > 0 ? exitCodes.degraded : exitCodes.good;
        });
      }),
    );
