/** `holdfast rebuild`: makes the index anew from the nodes alone. */
import { Command } from 'commander';
import { shellWord } from '../../core/text/shell-word.js';
import { absolute, type CommandMaker, collect, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { formatCount, printable } from '../output/format.js';
import { ProgressLine } from '../output/progress-line.js';
import type { Terminal } from '../output/terminal.js';
import { alreadyServed } from '../serving.js';
import { findServer } from '../with-drive.js';

interface RebuildCommandOptions {
  readonly node?: readonly string[];
  readonly without?: readonly string[];
  readonly json?: boolean;
}

export const rebuildCommand: CommandMaker = (context, act) =>
  new Command('rebuild')
    .description('make the index anew from the nodes; the old one is moved aside, never deleted')
    .argument(...directoryArgument)
    .option('--node <PATH>', "a node's directory (repeat it; default: those that the volume knows)", collect)
    .option(
      '--without <NODE>',
      'a node that is lost for good: label, beginning of its id, or last path (repeat it)',
      collect,
    )
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast rebuild ~/drive', 'the index is lost or damaged'],
        ['holdfast rebuild ~/new --node /disk1/hold --node /disk2/hold', 'the whole DIR is lost'],
        ['holdfast rebuild ~/new --node /disk1/hold --without node-2', 'and half of the disks are'],
      ),
    )
    .action((operand: string, options: RebuildCommandOptions) =>
      act(`rebuild the volume at ${operand}`, options, async () => {
        const { terminal, clock, stop } = context;
        const directory = absolute(context, operand);
        const running = await findServer(context, directory);
        if (running) throw alreadyServed(running.facts);
        const progress = new ProgressLine({ sink: terminal.err, clock });
        const nodes = options.node?.map((node) => absolute(context, node));
        // A path is where the node lay last, on whatever machine; labels have no separators.
        const without = options.without?.map((name) => (/[/\\]/.test(name) ? absolute(context, name) : name));
        try {
          const report = await context.access.rebuildVolume({
            directory,
            nodes,
            without,
            onProgress: progress.show,
            signal: stop,
          });
          progress.end();
          if (options.json) terminal.printJson(report);
          else {
            const amount = `${formatCount(report.files, 'file')} in ${formatCount(report.folders, 'folder')}`;
            terminal.print(`Rebuilt: ${amount}, as of change ${report.sequence}.`);
            if (report.movedAside) terminal.print(`The index before lies at ${report.movedAside}`);
            for (const node of report.missingNodes)
              terminal.print(`Missing: ${printable(node)} (plug it in; it is made current)`);
            for (const node of report.leftOut) terminal.print(`Left out: ${printable(node)}`);
            if (report.leftOut.length > 0) printLossOf(terminal, printable(directory));
          }
          return report.missingNodes.length + report.leftOut.length > 0 ? exitCodes.degraded : exitCodes.good;
        } finally {
          progress.end();
        }
      }),
    );

function printLossOf(terminal: Terminal, directory: string): void {
  terminal.print('What was saved while only these nodes could be written to is missing, and files of which only they');
  terminal.print(
    'had a copy cannot be read. Should one turn up after all, plug it in: these files are whole again then.',
  );
  terminal.print(
    `Next:  holdfast serve ${shellWord(directory)}, then holdfast salvage ${shellWord(directory)}: it names the files`,
  );
  terminal.print('       Last of all, for a node that can never turn up: holdfast node remove DIR NODE --lost');
}
