/** `holdfast node drain`: empties a node, so that it can be removed without any file having fewer copies meanwhile. */
import { Command } from 'commander';
import { shellWord } from '../../core/text/shell-word.js';
import type { DrainReport } from '../../drive-disks.js';
import type { CommandContext } from '../command-context.js';
import {
  absolute,
  type CommandMaker,
  directoryArgument,
  examples,
  jsonOption,
  nodeArgument,
} from '../command-frame.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { followed } from '../output/follow.js';
import { formatBytes, formatCount, printable } from '../output/format.js';
import { withDrive } from '../with-drive.js';

interface DrainOptions {
  readonly cancel: boolean;
  readonly wait: boolean;
  readonly json?: boolean;
}

export const nodeDrainCommand: CommandMaker = (context, act) =>
  new Command('drain')
    .description('move everything off a node, so that it may be removed')
    .argument(...directoryArgument)
    .argument(...nodeArgument)
    .option('--cancel', 'end it: the node takes new files again', false)
    .option('--no-wait', 'only begin; the server goes on with it')
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast node drain ~/drive node-2', 'until it is empty; Ctrl-C ends only the waiting'],
        ['holdfast node drain ~/drive node-2 --cancel', 'keep it after all'],
      ),
    )
    .action((operand: string, node: string, { cancel, wait, json = false }: DrainOptions) =>
      act(`drain the node ${node} of ${operand}`, { json }, async () => {
        const report = await withDrive(context, absolute(context, operand), (drive) =>
          followed(context, (following) => drive.disks.drain({ node, cancel, wait, ...following })),
        );
        if (cancel && !json) {
          context.terminal.print(`${printable(report.label)} is not emptied any more: it takes new files again.`);
          return exitCodes.good;
        }
        return printDrain(report, { context, operand, json, waited: wait });
      }),
    );

export function printDrain(
  report: DrainReport,
  options: {
    readonly context: CommandContext;
    readonly operand: string;
    readonly json: boolean;
    readonly waited: boolean;
  },
): ExitCode {
  const { terminal } = options.context;
  const { label, leftBytes, leftSegments, isEmpty } = report;
  const directory = shellWord(options.operand);
  if (options.json) terminal.printJson(report);
  else if (isEmpty) {
    terminal.print(`${printable(label)} is empty: it may be removed.`);
    terminal.print(`Next:  holdfast node remove ${directory} ${shellWord(label)}`);
  } else if (options.waited) {
    const left = `${formatCount(leftSegments, 'segment')} (${formatBytes(leftBytes)})`;
    terminal.print(
      `${left} cannot leave ${printable(label)} now: the other nodes have no room, are away, or are about to be unplugged.`,
    );
    terminal.print(`Next:  holdfast node add ${directory} PATH, or plug in what is away; it goes on by itself.`);
  } else {
    terminal.print(`${formatBytes(leftBytes)} leave ${printable(label)} while the drive is served.`);
    terminal.print(`Next:  holdfast status ${directory}  shows how far it is.`);
  }
  return isEmpty || !options.waited ? exitCodes.good : exitCodes.degraded;
}
