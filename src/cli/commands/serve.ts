/** `holdfast serve`: serves a volume until Ctrl-C. */
import { Command } from 'commander';
import { DriveError } from '../../core/errors.js';
import { shellWord } from '../../core/text/shell-word.js';
import type { CommandContext } from '../command-context.js';
import { absolute, type CommandMaker, collect, directoryArgument, examples, wholeNumber } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { describeMounting } from '../mount-recipes.js';
import { alreadyServed, defaultHost, defaultPort, isLoopback, serveVolume } from '../serving.js';
import { findServer, requireFolder } from '../with-drive.js';

interface ServeCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly grace?: number;
  readonly json?: boolean;
  readonly tls?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly insecureHttp?: boolean;
  readonly allowHost?: readonly string[];
  readonly announce: boolean;
}

const graceLimitSeconds = 30 * 24 * 3600;

export const serveCommand: CommandMaker = (context, act) =>
  new Command('serve')
    .description('serve the volume over WebDAV until Ctrl-C')
    .argument(...directoryArgument)
    .option('--host <HOST>', 'address to listen at; 0.0.0.0: all, for other machines too', defaultHost)
    .option('--port <PORT>', 'port to listen at; 0 takes any free one', wholeNumber(0, 65_535), defaultPort)
    .option(
      '--grace <SECONDS>',
      'copy again what a missing node held after this long (default: 600)',
      wholeNumber(0, graceLimitSeconds),
    )
    .option('--tls', 'TLS on this machine too; with another --host it is used in any case')
    .option('--tls-cert <FILE>', 'certificate with its chain, PEM (default: one that the drive makes)')
    .option('--tls-key <FILE>', 'its key, PEM')
    .option('--insecure-http', 'plain HTTP to other machines: everybody on the way reads along')
    .option('--allow-host <NAME>', 'a name that clients use for this machine; may be repeated', collect)
    .option('--no-announce', 'do not tell the local network that the drive is here')
    .option('--json', 'print one JSON line when ready')
    .addHelpText(
      'after',
      examples(
        ['holdfast serve ~/drive', 'http://127.0.0.1:4918/'],
        ['holdfast serve ~/drive --port 0', 'any free port'],
        ['holdfast serve ~/drive --host 0.0.0.0', 'for other machines too: TLS, and users only'],
      ),
    )
    .action((operand: string, options: ServeCommandOptions) =>
      act(`serve the volume at ${operand}`, options, async () => {
        const protection = readProtection(context, options);
        const directory = absolute(context, operand);
        await requireFolder(directory);
        const running = await findServer(context, directory);
        if (running) throw alreadyServed(running.facts);
        await serveVolume(context, {
          directory,
          host: options.host,
          ports: [options.port],
          healGraceMs: options.grace === undefined ? undefined : options.grace * 1000,
          ...protection,
          onReady: (facts, certificate) => {
            const fingerprint = certificate?.fingerprint;
            if (options.json) context.terminal.printJson({ ready: true, ...facts, directory });
            else announce(context, { url: facts.url, operand, fingerprint });
          },
        });
        if (!options.json) context.terminal.print('Stopped. Everything saved is on the nodes.');
        return exitCodes.good;
      }),
    );

/** USAGE when the options do not fit together. */
function readProtection(context: CommandContext, options: ServeCommandOptions) {
  const { host, tlsCert, tlsKey, insecureHttp: isInsecureAllowed = false, allowHost: allowedHosts = [] } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new DriveError('USAGE', { message: '--tls-cert and --tls-key belong together' });
  }
  if (isInsecureAllowed && (options.tls || tlsCert !== undefined)) {
    throw new DriveError('USAGE', { message: '--insecure-http and TLS exclude each other' });
  }
  const given = tlsCert !== undefined && {
    certificate: absolute(context, tlsCert),
    key: absolute(context, tlsKey!),
  };
  const isShared = !isLoopback(host);
  const wantsTls = options.tls === true || tlsCert !== undefined || (isShared && !isInsecureAllowed);
  return {
    certificate: wantsTls ? { given: given || undefined, names: allowedHosts } : undefined,
    isInsecureAllowed,
    allowedHosts,
    announces: isShared && options.announce,
  };
}

function announce(
  context: CommandContext,
  {
    url,
    operand,
    fingerprint,
  }: { readonly url: string; readonly operand: string; readonly fingerprint: string | undefined },
): void {
  const { terminal, platform } = context;
  terminal.print(`Serving ${terminal.style('strong', url)}`);
  if (fingerprint !== undefined) terminal.print(`Certificate, SHA-256: ${fingerprint}`);
  for (const line of describeMounting({ platform, url, mountCommand: `holdfast mount ${shellWord(operand)}` }))
    terminal.print(line);
  terminal.print('Ctrl-C stops it.');
}
