/** `holdfast scrub`: when the copies were last read and verified, and reading them now. */
import { Command } from 'commander';
import type { CommandContext } from '../command-context.js';
import { absolute, type CommandMaker, directoryArgument, duration, examples, jsonOption } from '../command-frame.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { ProgressLine } from '../output/progress-line.js';
import { isOverdue, renderFileProof, renderScrub, renderScrubRun } from '../output/scrub-view.js';
import { type DriveLike, withDrive } from '../with-drive.js';

interface Options {
  readonly now?: boolean;
  readonly olderThan?: number;
  readonly json?: boolean;
}

type Task = (context: CommandContext, drive: DriveLike, options: Options) => Promise<ExitCode>;

export const scrubCommand: CommandMaker = (context, act) =>
  new Command('scrub')
    .description(
      'when copies and journals were last read and verified, node by node, or one file; with --now, read them now',
    )
    .argument(...directoryArgument)
    .argument('[PATH]', 'a file of the volume: when its own copies were last verified')
    .option('--now', 'read and verify all copies and journals now; clients go first; bad ones are named and made again')
    .option('--older-than <TIME>', 'with --now: only those not verified for so long (12h, 7d)', duration)
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast scrub ~/drive', 'what was verified when; a drive that is served does it by itself'],
        ['holdfast scrub ~/drive /photos/2024/a.jpg', 'the same for one file'],
        ['holdfast scrub ~/drive --now', 'read everything now; exit code 0, 3 (damage) or 4 (a bad copy or journal)'],
        ['holdfast scrub ~/drive --now --older-than 1d', 'go on with one that was ended by Ctrl-C'],
      ),
    )
    .action((operand: string, path: string | undefined, options: Options) =>
      act(`look at the proofs of ${operand}`, options, () => {
        const task = options.now ? scrubNow : path === undefined ? showVolume : showFile(path);
        return withDrive(context, absolute(context, operand), (drive) => task(context, drive, options));
      }),
    );

const showVolume: Task = async ({ terminal, clock }, drive, { json }) => {
  const { nodes, scrub } = await drive.status();
  const now = clock.now();
  if (json)
    terminal.printJson({ scrub, nodes: nodes.map(({ id, label, proof, journal }) => ({ id, label, proof, journal })) });
  else terminal.print(renderScrub({ nodes, scrub }, now));
  const isBad = nodes.some(({ journal }) => (journal?.problem ?? null) !== null);
  return isOverdue(scrub, now) || isBad ? exitCodes.degraded : exitCodes.good;
};

const showFile =
  (path: string): Task =>
  async ({ terminal, clock }, drive, { json }) => {
    const proof = await drive.proofs.ofFile({ path });
    if (json) terminal.printJson(proof);
    else terminal.print(renderFileProof(proof, clock.now()));
    return proof.badCopies > 0 ? exitCodes.degraded : exitCodes.good;
  };

const scrubNow: Task = async ({ terminal, clock, stop }, drive, { json, olderThan }) => {
  const progress = new ProgressLine({ sink: terminal.err, clock });
  try {
    const report = await drive.proofs.scrub({ olderThanMs: olderThan, signal: stop, onProgress: progress.show });
    progress.end();
    if (json) terminal.printJson(report);
    else terminal.print(renderScrubRun(report, terminal));
    if (report.findings.length > 0) return exitCodes.damaged;
    return report.degraded.length > 0 ? exitCodes.degraded : exitCodes.good;
  } finally {
    progress.end();
  }
};
