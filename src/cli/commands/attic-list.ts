/** `holdfast attic list`: what waits to be deleted on the nodes, why, and until when. */
import { Command } from 'commander';
import type { AtticFile, AtticListing } from '../../drive-contract.js';
import { absolute, type CommandMaker, directoryArgument, examples, jsonOption } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { formatBytes, formatCount, formatDuration, printable } from '../output/format.js';
import { renderTable } from '../output/table.js';
import type { Terminal } from '../output/terminal.js';
import { withDrive } from '../with-drive.js';

const reasons = {
  surplus: 'enough copies on other nodes',
  unreferred: 'nothing refers to it',
  superseded: 'a newer checkpoint holds it',
  replaced: 'a good copy took its place',
} as const;

export const atticListCommand: CommandMaker = (context, act) =>
  new Command('list')
    .description('list the files that wait to be deleted')
    .argument(...directoryArgument)
    .option(...jsonOption)
    .addHelpText('after', examples(['holdfast attic list ~/drive', 'also while it is being served']))
    .action((operand: string, options: { readonly json?: boolean }) =>
      act(`list the attics of ${operand}`, options, async () => {
        const { terminal, clock } = context;
        const listing = await withDrive(context, absolute(context, operand), (drive) => drive.listAttics());
        if (options.json) terminal.printJson(listing);
        else printListing(listing, { terminal, now: clock.now() });
        return listing.missingNodes.length > 0 ? exitCodes.degraded : exitCodes.good;
      }),
    );

function printListing({ files, missingNodes }: AtticListing, { terminal, now }: { terminal: Terminal; now: number }) {
  if (files.length > 0) {
    const rows = files.map((file) => [
      printable(file.node),
      printable(file.segment ?? file.file),
      formatBytes(file.sizeBytes),
      file.movedAt === null ? '-' : `${formatDuration(now - file.movedAt)} ago`,
      file.reason === null ? '-' : reasons[file.reason],
      unlinking(file, now),
    ]);
    const columns = [
      { title: 'NODE', align: 'left' },
      { title: 'SEGMENT OR FILE', align: 'left' },
      { title: 'SIZE', align: 'right' },
      { title: 'MOVED', align: 'right' },
      { title: 'WHY', align: 'left' },
      { title: 'DELETED', align: 'left' },
    ] as const;
    for (const line of renderTable(columns, rows)) terminal.print(line);
  }
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const held = new Set(files.flatMap((file) => file.held ?? []));
  terminal.print(
    files.length === 0
      ? 'Nothing waits to be deleted.'
      : `${formatCount(files.length, 'file')}, ${formatBytes(sizeBytes)}; sooner deleted when their room is needed.`,
  );
  for (const reason of held) terminal.print(terminal.style('warning', `Kept:  ${printable(reason)}`));
  for (const node of missingNodes) terminal.print(`Missing: ${printable(node)} is not here`);
}

function unlinking({ held, unlinkedFrom }: AtticFile, now: number): string {
  if (held !== null || unlinkedFrom === null) return 'kept';
  return unlinkedFrom <= now ? 'soon' : `in ${formatDuration(unlinkedFrom - now)}`;
}
