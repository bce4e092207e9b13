/** `holdfast node add`. */
import { Command } from 'commander';
import {
  absolute,
  type CommandMaker,
  directoryArgument,
  examples,
  jsonOption,
  plainName,
  positiveNumber,
} from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

interface NodeAddOptions {
  readonly label?: string;
  readonly group?: string;
  readonly weight?: number;
  readonly json?: boolean;
}

export const nodeAddCommand: CommandMaker = (context, act) =>
  new Command('add')
    .description('add a directory for copies')
    .argument(...directoryArgument)
    .argument('<PATH>', 'an empty directory, best on a disk of its own; made when its parent exists')
    .option('--label <LABEL>', 'its name in lists (default: node- and the next number)', plainName)
    .option('--group <GROUP>', 'nodes of one group fail together (default: one group for each disk)', plainName)
    .option('--weight <NUMBER>', 'its share of new data beside other nodes (default: 1)', positiveNumber)
    .option(...jsonOption)
    .addHelpText('after', examples(['holdfast node add ~/drive /disk3/hold', 'also while it is being served']))
    .action((operand: string, path: string, options: NodeAddOptions) =>
      act(`add the node ${path} to ${operand}`, options, async () => {
        const { label, group, weight } = options;
        const node = absolute(context, path);
        const added = await withDrive(context, absolute(context, operand), (drive) =>
          drive.addNode({ path: node, label, group, weight }),
        );
        if (options.json) context.terminal.printJson({ id: added.id, path: node });
        else
          context.terminal.print(`Added the node ${printable(node)} (id ${added.id}). New files use it from now on.`);
        return exitCodes.good;
      }),
    );
