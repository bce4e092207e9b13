/** `holdfast start`, which is `npm start`: a drive to try in one step. Makes the volume at first run. */
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { DriveError } from '../../core/errors.js';
import { translateSystemError } from '../../core/system-errors.js';
import { shellWord } from '../../core/text/shell-word.js';
import type { CommandContext } from '../command-context.js';
import { absolute, type CommandMaker, examples, wholeNumber } from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { describeMounting } from '../mount-recipes.js';
import { alreadyServed, defaultHost, defaultPort, serveVolume } from '../serving.js';
import { findServer } from '../with-drive.js';

interface StartOptions {
  readonly data: string;
  readonly port: number;
}

const volumeName = 'home';
const replicas = 2;
const nodeNames = ['node-1', 'node-2', 'node-3'];
/** Short, so that who pulls a folder to see what happens sees it healed. */
const graceMs = 30_000;
const portsTried = 20;

export const startCommand: CommandMaker = (context, act) =>
  new Command('start')
    .description(`serve a volume "${volumeName}" with three nodes on this disk, made at first run: a drive to try`)
    .option('--data <PATH>', 'where the volume and its nodes lie', './holdfast-data')
    .option('--port <PORT>', 'first port to try', wholeNumber(0, 65_535), defaultPort)
    .addHelpText(
      'after',
      examples(
        ['npm start', 'everything in ./holdfast-data'],
        ['npm start -- --data /srv/holdfast-data', 'everything elsewhere'],
      ),
    )
    .action((options: StartOptions) =>
      act(`start the drive in ${options.data}`, {}, async () => {
        const data = absolute(context, options.data);
        const directory = join(data, 'volume');
        if (await hasVolume(directory)) {
          const running = await findServer(context, directory);
          if (running) throw alreadyServed(running.facts);
          context.terminal.print(`The volume "${volumeName}" lies in ${data}`);
        } else {
          await makeVolume(context, data, directory);
        }
        await serveVolume(context, {
          directory,
          host: defaultHost,
          ports: portsFrom(options.port),
          healGraceMs: graceMs,
          onReady: (facts) => announce(context, { url: facts.url, firstPort: options.port, directory }),
        });
        context.terminal.print('Stopped. Everything saved is on the nodes; "npm start" goes on from here.');
        return exitCodes.good;
      }),
    );

/** Whether `init` has been finished here: volume.json is what it writes last. */
async function hasVolume(directory: string): Promise<boolean> {
  return access(join(directory, 'volume.json')).then(
    () => true,
    () => false,
  );
}

async function makeVolume(context: CommandContext, data: string, directory: string): Promise<void> {
  await mkdir(data, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    const { code, message, details } = translateSystemError(cause, data, context.platform);
    const hint = 'name a folder that this account may make and write to: npm start -- --data PATH';
    throw new DriveError(code, { message, details, cause, hint });
  });
  const nodes = nodeNames.map((name) => join(data, name));
  await context.access.createVolume({ directory, nodes, replicas, name: volumeName });
  const { terminal } = context;
  terminal.print(`First run: made the volume "${volumeName}" in ${data}`);
  terminal.print(`  index   ${directory}`);
  for (const node of nodes) terminal.print(`  node    ${node}`);
}

function portsFrom(first: number): readonly number[] {
  if (first === 0) return [0];
  const count = Math.min(portsTried, 65_536 - first);
  return Array.from({ length: count }, (_, index) => first + index);
}

function announce(
  context: CommandContext,
  { url, firstPort, directory }: { readonly url: string; readonly firstPort: number; readonly directory: string },
): void {
  const { terminal, platform } = context;
  const port = Number(new URL(url).port);
  terminal.print('');
  if (firstPort !== 0 && port !== firstPort) {
    terminal.print(
      terminal.style('warning', `Port ${firstPort} is taken by another program, so this is port ${port}.`),
    );
  }
  terminal.print(`Serving ${terminal.style('strong', url)}`);
  const command = (verb: string) => `npx holdfast ${verb} ${shellWord(directory)}`;
  for (const line of describeMounting({ platform, url, mountCommand: command('mount') })) terminal.print(line);
  terminal.print('');
  terminal.print('Every file is kept on 2 of 3 folders. All three lie on one disk here: this protects against a');
  terminal.print('lost folder, not a lost disk. For that, give each node a disk: holdfast init --help');
  terminal.print(`See how it is: ${command('status')}`);
  terminal.print('Ctrl-C stops it.');
}
