/** `holdfast attic restore`: brings back from the attics what the volume needs; each file is verified before it counts. */
import { Command } from 'commander';
import { DriveError } from '../../core/errors.js';
import type { RestoredFile, RestoreReport } from '../../drive-contract.js';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { formatCount, printable } from '../output/format.js';
import type { Terminal } from '../output/terminal.js';
import { withDrive } from '../with-drive.js';

interface RestoreCommandOptions {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export const atticRestoreCommand: CommandMaker = (context, act) =>
  new Command('restore')
    .description('bring files back that the volume needs; nothing is overwritten')
    .argument(...directoryArgument)
    .argument('[SEGMENT...]', 'segments or files, as "attic list" shows them')
    .option('--all', 'look at all files: what is not needed stays where it is')
    .option('--dry-run', 'verify and say what would be done, change nothing')
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast attic restore ~/drive --all --dry-run', 'what would come back'],
        ['holdfast attic restore ~/drive --all', 'bring it back'],
      ),
    )
    .action((operand: string, segments: readonly string[], options: RestoreCommandOptions) =>
      act(`restore from the attics of ${operand}`, options, async () => {
        const { all = false, dryRun = false } = options;
        if (all === segments.length > 0) {
          throw new DriveError('USAGE', {
            message: all ? '--all and single segments exclude each other' : 'nothing is named to be restored',
            hint: 'name segments as "holdfast attic list DIR" shows them, or use --all',
          });
        }
        const wanted = all ? undefined : segments;
        const report = await withDrive(context, absolute(context, operand), (drive) =>
          drive.restoreFromAttics({ wanted, dryRun, signal: context.stop }),
        );
        if (options.json) context.terminal.printJson(report);
        else printReport(report, context.terminal);
        return exitCodeOf(report);
      }),
    );

function printReport({ files, missingNodes, dryRun }: RestoreReport, terminal: Terminal): void {
  const count = (result: RestoredFile['result']) => files.filter((file) => file.result === result).length;
  for (const { node, file, segment, result, because } of files) {
    const tone = result === 'restored' ? 'good' : result === 'damaged' ? 'bad' : 'faint';
    const word = result === 'restored' && dryRun ? 'would be restored' : result;
    terminal.print(
      `${printable(node)}  ${printable(segment ?? file)}  ${terminal.style(tone, word)}: ${printable(because)}`,
    );
  }
  const restored = `${formatCount(count('restored'), 'file')} ${dryRun ? 'would be restored' : 'restored'}`;
  terminal.print(`${restored}, ${count('left')} left in the attics, ${count('damaged')} damaged.`);
  for (const node of missingNodes)
    terminal.print(`Missing: ${printable(node)} is not here; what lies in its attic was not looked at`);
  if (count('restored') > 0 && !dryRun) terminal.print('Next:  holdfast check DIR');
}

function exitCodeOf({ files, missingNodes }: RestoreReport): ExitCode {
  if (files.some(({ result }) => result === 'damaged')) return exitCodes.damaged;
  return missingNodes.length > 0 ? exitCodes.degraded : exitCodes.good;
}
