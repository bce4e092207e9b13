/** `holdfast node remove`. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples, nodeArgument } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

export const nodeRemoveCommand: CommandMaker = (context, act) =>
  new Command('remove')
    .description('remove a node for good; refused while files would keep fewer copies')
    .argument(...directoryArgument)
    .argument(...nodeArgument)
    .option('--lost', 'the disk is dead: give up what only it held', false)
    .addHelpText(
      'after',
      examples(
        ['holdfast node remove ~/drive node-2', 'take a healthy disk out'],
        ['holdfast node remove ~/drive node-2 --lost', 'its disk is dead'],
      ),
    )
    .action((operand: string, name: string, options: { readonly lost: boolean }) =>
      act(`remove the node ${name} from ${operand}`, {}, async () => {
        // A path means the same to a server that runs elsewhere only when it is absolute; labels have no separators.
        const node = /[/\\]/.test(name) ? absolute(context, name) : name;
        await withDrive(context, absolute(context, operand), (drive) => drive.removeNode({ node, lost: options.lost }));
        context.terminal.print(`Removed the node ${printable(name)}.`);
        context.terminal.print('Nothing in its folder was deleted, and the volume does not need it any more.');
        return exitCodes.good;
      }),
    );
