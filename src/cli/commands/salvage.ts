/**
 * `holdfast salvage`: which files cannot be read whole, what of them is missing, and which disk brings it back. With
 * `--from NODE`: what a node that was refused holds of another history becomes a folder of the drive.
 */
import { Command } from 'commander';
import { DriveError } from '../../core/errors.js';
import type { CommandContext } from '../command-context.js';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { renderNodeSalvage } from '../output/node-salvage-view.js';
import { ProgressLine } from '../output/progress-line.js';
import { renderSalvage } from '../output/salvage-view.js';
import { type DriveLike, withDrive } from '../with-drive.js';

interface Options {
  readonly from?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface Named extends Options {
  /** DIR, as it was given. */
  readonly operand: string;
}

type Task = (context: CommandContext, drive: DriveLike, options: Named) => Promise<ExitCode>;

const shownFiles = 1_000;
/** One document; who has more damaged files reads `damagedFiles`, and plugs in the disks first. */
const listedFiles = 100_000;

export const salvageCommand: CommandMaker = (context, act) =>
  new Command('salvage')
    .description('name the files that cannot be read whole now, and the disks that bring them back; exit code 0 or 3')
    .argument(...directoryArgument)
    .option('--from <NODE>', 'save what a node holds of another history in a folder "Recovered from NODE"')
    .option('--dry-run', 'with --from: say what would be saved, change nothing')
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast salvage ~/drive', 'changes nothing; also while the volume can only be read'],
        ['holdfast salvage ~/drive --json', 'every file with the bytes that are missing, for scripts'],
        ['holdfast salvage ~/drive --from node-3', '"it holds changes of another history": get them'],
      ),
    )
    .action((operand: string, options: Options) => {
      const { from, dryRun } = options;
      const action = from === undefined ? `list the damaged files of ${operand}` : `salvage ${from} into ${operand}`;
      return act(action, options, () => {
        if (dryRun && from === undefined) {
          throw new DriveError('USAGE', {
            message: '--dry-run goes with --from',
            hint: 'without --from nothing is changed',
          });
        }
        const task = from === undefined ? listDamage : saveFrom(from);
        return withDrive(context, absolute(context, operand), (drive) => task(context, drive, { ...options, operand }));
      });
    });

const listDamage: Task = async ({ terminal, clock, stop }, drive, { json }) => {
  const report = await drive.proofs.salvage({ limit: json ? listedFiles : shownFiles, signal: stop });
  if (json) terminal.printJson(report);
  else terminal.print(renderSalvage(report, { terminal, now: clock.now() }));
  return report.damagedFiles > 0 ? exitCodes.damaged : exitCodes.good;
};

const saveFrom =
  (from: string): Task =>
  async (context, drive, { dryRun = false, json, operand }) => {
    const { terminal, clock, stop } = context;
    const progress = new ProgressLine({ sink: terminal.err, clock });
    // Labels have no separators.
    const node = /[/\\]/.test(from) ? absolute(context, from) : from;
    try {
      const report = await drive.proofs.salvageNode({ node, dryRun, signal: stop, onProgress: progress.show });
      progress.end();
      if (json) terminal.printJson(report);
      else terminal.print(renderNodeSalvage(report, { terminal, directory: operand }));
      return report.failedFiles > 0 ? exitCodes.damaged : exitCodes.good;
    } finally {
      progress.end();
    }
  };
