/** `holdfast node list`. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { renderNodes } from '../output/status-view.js';
import { withDrive } from '../with-drive.js';

export const nodeListCommand: CommandMaker = (context, act) =>
  new Command('list')
    .description('list the nodes')
    .argument(...directoryArgument)
    .option(...jsonOption)
    .addHelpText('after', examples(['holdfast node list ~/drive', 'label, state, space and path of each']))
    .action((operand: string, options: { readonly json?: boolean }) =>
      act(`list the nodes of ${operand}`, options, async () => {
        const { terminal, clock } = context;
        const { nodes } = await withDrive(context, absolute(context, operand), (drive) => drive.status());
        if (options.json) terminal.printJson(nodes);
        else terminal.print(renderNodes(nodes, { terminal, now: clock.now() }).join('\n'));
        return exitCodes.good;
      }),
    );
