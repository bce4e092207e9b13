/** `holdfast unplug`: an honest answer to "may I unplug this?", and when it is yes, a time in which it stays yes. */
import { Command } from 'commander';
import { DriveError } from '../../core/errors.js';
import { shellWord } from '../../core/text/shell-word.js';
import type { FileList, UnplugReport } from '../../drive-disks.js';
import { absolute, type CommandMaker, directoryArgument, duration, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { followed } from '../output/follow.js';
import { formatBytes, formatClock, formatCount, formatDuration, printable } from '../output/format.js';
import { pathList } from '../output/path-list.js';
import type { Terminal } from '../output/terminal.js';
import { withDrive } from '../with-drive.js';

interface UnplugOptions {
  readonly for: number;
  readonly dryRun: boolean;
  readonly wait: boolean;
  readonly cancel: boolean;
  readonly json?: boolean;
}

const hourMs = 3_600_000;

export const unplugCommand: CommandMaker = (context, act) =>
  new Command('unplug')
    .description('may these nodes be unplugged now? When yes, they may for an hour; exit code 0 (safe) or 4')
    .argument(...directoryArgument)
    .argument('<NODE...>', 'their labels, the beginnings of their ids, or their paths')
    .option('--for <TIME>', 'how long they will be gone: 30min, 2h, 1d (default: 1h)', duration, hourMs)
    .option('--dry-run', 'only answer', false)
    .option('--wait', 'when it is safe only after some copies were made: make them now, and say when it is', false)
    .option('--cancel', 'they stay after all: they take new files again', false)
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast unplug ~/drive node-2', 'safe or not, and why'],
        ['holdfast unplug ~/drive node-2 --for 2h', 'nothing is copied because of it for two hours'],
      ),
    )
    .action((operand: string, nodes: readonly string[], options: UnplugOptions) =>
      act(`tell whether ${nodes.join(', ')} may be unplugged`, options, async () => {
        const { for: forMs, dryRun, wait } = options;
        if (wait && (dryRun || options.cancel)) {
          const hint = 'leave out --wait to be told at once';
          throw new DriveError('USAGE', { message: '--wait goes with neither --dry-run nor --cancel', hint });
        }
        if (options.cancel) {
          await withDrive(context, absolute(context, operand), (drive) => drive.disks.stay({ nodes }));
          context.terminal.print(`Not to be unplugged: ${nodes.map(printable).join(', ')}.`);
          return exitCodes.good;
        }
        const report = await withDrive(context, absolute(context, operand), (drive) =>
          followed(context, (following) => drive.disks.unplug({ nodes, forMs, dryRun, wait, ...following })),
        );
        if (options.json) context.terminal.printJson(report);
        else printReport(report, { terminal: context.terminal, directory: shellWord(operand), dryRun });
        return report.verdict === 'safe' ? exitCodes.good : exitCodes.degraded;
      }),
    );

interface Printing {
  readonly terminal: Terminal;
  readonly directory: string;
  readonly dryRun: boolean;
}

function printReport(report: UnplugReport, { terminal, directory, dryRun }: Printing): void {
  const names = report.nodes.map(printable).join(', ');
  terminal.print(verdictLine(report, names, terminal));
  printFiles(terminal, report.unreadable, 'could not be read');
  printFiles(terminal, report.single, 'would have one copy left');
  const again = protectionLine(report);
  if (again !== undefined) terminal.print(again);
  const first = shellWord(report.nodes[0] ?? 'NODE');
  if (report.verdict === 'unsafe') {
    const oneByOne = `holdfast unplug ${directory} ${first}  asks for one of them alone.`;
    const drain = `holdfast node drain ${directory} ${first}  moves its files to the other nodes first.`;
    terminal.print(`Next:  ${report.nodes.length > 1 ? oneByOne : drain}`);
  }
  if (report.verdict === 'later') {
    const all = report.nodes.map(shellWord).join(' ');
    terminal.print(
      `Next:  holdfast unplug ${directory} ${all} --wait  makes these copies now, and says when it is safe.`,
    );
  }
  if (report.verdict === 'safe' && dryRun)
    terminal.print(`Next:  the same without --dry-run, so that nothing is copied because of it.`);
}

function verdictLine(
  { verdict, until, safeInMs, unreadable }: UnplugReport,
  names: string,
  terminal: Terminal,
): string {
  if (verdict === 'safe') {
    const window =
      until === null ? '.' : ` until ${formatClock(until)}; new files go to the other nodes until it is back.`;
    return `${terminal.style('good', 'Safe:')} ${names} may be unplugged${window}`;
  }
  if (verdict === 'later') {
    const time = formatDuration(Math.max(safeInMs ?? 0, 1_000));
    return `${terminal.style('warning', `Safe after about ${time}:`)} some files have their only copy on ${names}, and others are being made.`;
  }
  const files = formatCount(unreadable.count, 'file');
  return `${terminal.style('bad', 'Not safe:')} without ${names}, ${files} could not be read.`;
}

function printFiles(terminal: Terminal, { count, paths }: FileList, what: string): void {
  if (count === 0) return;
  terminal.print(`${formatCount(count, 'file')} ${what}:`);
  for (const line of pathList(paths, { count })) terminal.print(line);
}

function protectionLine({ copyBytes, protectedAgainInMs, unhealedSegments }: UnplugReport): string | undefined {
  const segments = `${formatCount(unhealedSegments, 'segment')}`;
  if (unhealedSegments > 0) {
    return `If it never came back, ${segments} would stay with too few copies: there is no further disk with room.`;
  }
  if (copyBytes === 0) return undefined;
  const time = formatDuration(Math.max(protectedAgainInMs, 1_000));
  return `If it never came back, all copies would be made again in about ${time} (${formatBytes(copyBytes)}).`;
}
