/** `holdfast node sleepy`: a disk that may spin down while nobody uses it. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples, nodeArgument } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

export const nodeSleepyCommand: CommandMaker = (context, act) =>
  new Command('sleepy')
    .description("let a node's disk spin down: nothing is written to it while nobody uses it")
    .argument(...directoryArgument)
    .argument(...nodeArgument)
    .option('--never', 'keep it awake again', false)
    .addHelpText(
      'after',
      examples(
        ['holdfast node sleepy ~/drive node-2', 'a quiet disk; its failure may show with the next use only'],
        ['holdfast node sleepy ~/drive node-2 --never', 'its failure shows within 3 s'],
      ),
    )
    .action((operand: string, node: string, { never }: { readonly never: boolean }) =>
      act(`change the node ${node} of ${operand}`, {}, async () => {
        await withDrive(context, absolute(context, operand), (drive) => drive.disks.sleep({ node, maySleep: !never }));
        const name = printable(node);
        context.terminal.print(
          never
            ? `${name} is kept awake: when its disk fails, that shows within 3 s.`
            : `${name} may sleep: that it was unplugged shows within 3 s, that it fails or hangs with the next use.`,
        );
        return exitCodes.good;
      }),
    );
