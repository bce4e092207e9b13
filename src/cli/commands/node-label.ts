/** `holdfast node label`. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples, nodeArgument, plainName } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

export const nodeLabelCommand: CommandMaker = (context, act) =>
  new Command('label')
    .description('give a node another name')
    .argument(...directoryArgument)
    .argument(...nodeArgument)
    .argument('<LABEL>', 'its new name in lists', plainName)
    .addHelpText('after', examples(['holdfast node label ~/drive node-2 "blue disk"', 'also while it is being served']))
    .action((operand: string, node: string, label: string) =>
      act(`name the node ${node} of ${operand}`, {}, async () => {
        await withDrive(context, absolute(context, operand), (drive) => drive.disks.describe({ node, label }));
        context.terminal.print(`${printable(node)} is called ${printable(label)} now.`);
        return exitCodes.good;
      }),
    );
