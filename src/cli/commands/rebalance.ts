/** `holdfast rebalance`: evens how full the nodes are. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { followed } from '../output/follow.js';
import { formatBytes, formatCount } from '../output/format.js';
import { withDrive } from '../with-drive.js';

export const rebalanceCommand: CommandMaker = (context, act) =>
  new Command('rebalance')
    .description('move copies until all nodes are equally full, by their weights; after adding a disk')
    .argument(...directoryArgument)
    .option('--dry-run', 'say what would be moved', false)
    .option(...jsonOption)
    .addHelpText('after', examples(['holdfast rebalance ~/drive', 'Ctrl-C ends it; what was moved stays moved']))
    .action((operand: string, { dryRun, json }: { readonly dryRun: boolean; readonly json?: boolean }) =>
      act(`rebalance ${operand}`, { json }, async () => {
        const { terminal } = context;
        const report = await withDrive(context, absolute(context, operand), (drive) =>
          followed(context, (following) => drive.disks.rebalance({ dryRun, ...following })),
        );
        const { segments, copyBytes, stuckSegments } = report;
        if (json) terminal.printJson(report);
        else if (segments === 0) terminal.print('Nothing is to be moved: the nodes are as even as segments allow.');
        else {
          const copies = `${formatCount(segments, 'copy', 'copies')}, ${formatBytes(copyBytes)}`;
          terminal.print(dryRun ? `Would be moved: ${copies}.` : `Moved: ${copies}.`);
        }
        if (!json && stuckSegments > 0)
          terminal.print(
            `${formatCount(stuckSegments, 'copy', 'copies')} cannot be moved now: a disk is away or full.`,
          );
        return stuckSegments > 0 ? exitCodes.degraded : exitCodes.good;
      }),
    );
