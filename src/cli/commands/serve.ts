/** `holdfast serve`: serves a volume until Ctrl-C. */
import { Command } from 'commander';
import type { CommandContext } from '../command-context.js';
import { absolute, type CommandMaker, directoryArgument, examples, wholeNumber } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { describeMounting } from '../mount-recipes.js';
import { shellWord } from '../output/format.js';
import { alreadyServed, defaultHost, defaultPort, requireLoopback, serveVolume } from '../serving.js';
import { findServer, requireFolder } from '../with-drive.js';

interface ServeCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly grace?: number;
  readonly json?: boolean;
}

const graceLimitSeconds = 30 * 24 * 3600;

export const serveCommand: CommandMaker = (context, act) =>
  new Command('serve')
    .description('serve the volume over WebDAV until Ctrl-C')
    .argument(...directoryArgument)
    .option('--host <HOST>', 'address to listen at; this machine only', defaultHost)
    .option('--port <PORT>', 'port to listen at; 0 takes any free one', wholeNumber(0, 65_535), defaultPort)
    .option(
      '--grace <SECONDS>',
      'copy again what a missing node held after this long (default: 600)',
      wholeNumber(0, graceLimitSeconds),
    )
    .option('--json', 'print one JSON line when ready')
    .addHelpText(
      'after',
      examples(
        ['holdfast serve ~/drive', 'http://127.0.0.1:4918/'],
        ['holdfast serve ~/drive --port 0', 'any free port'],
      ),
    )
    .action((operand: string, options: ServeCommandOptions) =>
      act(`serve the volume at ${operand}`, options, async () => {
        requireLoopback(options.host);
        const directory = absolute(context, operand);
        await requireFolder(directory);
        const running = await findServer(context, directory);
        if (running) throw alreadyServed(running.facts);
        await serveVolume(context, {
          directory,
          host: options.host,
          ports: [options.port],
          healGraceMs: options.grace === undefined ? undefined : options.grace * 1000,
          onReady: (facts) => {
            if (options.json) context.terminal.printJson({ ready: true, ...facts, directory });
            else announce(context, facts.url, operand);
          },
        });
        if (!options.json) context.terminal.print('Stopped. Everything saved is on the nodes.');
        return exitCodes.good;
      }),
    );

function announce(context: CommandContext, url: string, operand: string): void {
  const { terminal, platform } = context;
  terminal.print(`Serving ${terminal.style('strong', url)}`);
  for (const line of describeMounting({ platform, url, mountCommand: `holdfast mount ${shellWord(operand)}` }))
    terminal.print(line);
  terminal.print('Ctrl-C stops it.');
}
