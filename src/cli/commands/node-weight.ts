/** `holdfast node weight`. */
import { Command } from 'commander';
import { shellWord } from '../../core/text/shell-word.js';
import {
  absolute,
  type CommandMaker,
  directoryArgument,
  examples,
  nodeArgument,
  positiveNumber,
} from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

export const nodeWeightCommand: CommandMaker = (context, act) =>
  new Command('weight')
    .description("change a node's share of the data beside other nodes")
    .argument(...directoryArgument)
    .argument(...nodeArgument)
    .argument('<NUMBER>', 'twice the number, twice the share (1 when added)', positiveNumber)
    .addHelpText('after', examples(['holdfast node weight ~/drive node-2 0.5', 'half as much as the others']))
    .action((operand: string, node: string, weight: number) =>
      act(`weigh the node ${node} of ${operand}`, {}, async () => {
        await withDrive(context, absolute(context, operand), (drive) => drive.disks.describe({ node, weight }));
        context.terminal.print(`${printable(node)} gets ${weight} shares of new data.`);
        context.terminal.print(`Next:  holdfast rebalance ${shellWord(operand)}  moves what is there already.`);
        return exitCodes.good;
      }),
    );
