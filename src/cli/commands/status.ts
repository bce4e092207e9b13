/** `holdfast status`: what is protected now, node by node. */
import { Command } from 'commander';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodeOfHealth } from '../exit-codes.js';
import { renderStatus } from '../output/status-view.js';
import { withDrive } from '../with-drive.js';

export const statusCommand: CommandMaker = (context, act) =>
  new Command('status')
    .description('show what is protected now, node by node; exit code 0, 3 (damage) or 4 (degraded)')
    .argument(...directoryArgument)
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast status ~/drive', 'for people'],
        ['holdfast status ~/drive --json', 'for scripts; exit code 4 while copies are missing'],
      ),
    )
    .action((operand: string, options: { readonly json?: boolean }) =>
      act(`read the status of ${operand}`, options, async () => {
        const status = await withDrive(context, absolute(context, operand), (drive) => drive.status());
        const { terminal, clock } = context;
        if (options.json) terminal.printJson(status);
        else terminal.print(renderStatus(status, { terminal, now: clock.now() }));
        return exitCodeOfHealth(status.health);
      }),
    );
