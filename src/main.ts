/**
 * The program: arguments, environment, signals, exit code. The only file that reads the environment or ends the
 * process. The engine is loaded when a command first needs it, so that `--help` needs no SQLite.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import type { CommandContext, DriveAccess, StartServer } from './cli/command-context.js';
import { systemHost } from './cli/host-system.js';
import { Terminal, type TextSink } from './cli/output/terminal.js';
import { runProgram } from './cli/program.js';
import { systemClock } from './core/clock.js';
import { systemPlatform } from './core/platform.js';

const packageFolder = new URL('../../', import.meta.url);

/** Something that should have been closed holds the process up to here after its command has ended. */
const lingerMs = 3_000;

const access: DriveAccess = {
  openDrive: async (options) => (await import('./drive.js')).openDrive(options),
  createVolume: async (options) => (await import('./drive.js')).createVolume(options),
  rebuildVolume: async (options) => (await import('./drive.js')).rebuildVolume(options),
};
const startServer: StartServer = async ({ drive, ...options }) => {
  const server = await import('./server/start-server.js');
  return server.startServer({ ...options, volumes: [drive.volume], users: drive.users });
};

function sink(stream: NodeJS.WriteStream): TextSink {
  // A reader that left (`| head`) is no error; the command goes on in silence.
  stream.on('error', () => {});
  return {
    isTty: stream.isTTY === true,
    columns: stream.columns ?? 80,
    write: (text) => void stream.write(text),
  };
}

/** The first signal asks the command to end cleanly, the second ends the process at once. */
function stopOnSignals(note: (text: string) => void): AbortSignal {
  const controller = new AbortController();
  for (const signal of systemPlatform.endSignals) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(1);
      note('Stopping: what is under way is being finished. Once more ends at once.');
      controller.abort();
    });
  }
  return controller.signal;
}

function readVersion(): string {
  const text = readFileSync(new URL('package.json', packageFolder), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

async function main(): Promise<void> {
  const { env } = process;
  const terminal = new Terminal({
    out: sink(process.stdout),
    err: sink(process.stderr),
    colour: (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb',
  });
  const context: CommandContext = {
    access,
    startServer,
    terminal,
    input: { stream: process.stdin, isTty: process.stdin.isTTY === true },
    clock: systemClock,
    host: systemHost({
      searchPath: env.PATH ?? '',
      recipeFolder: fileURLToPath(new URL('mount/', packageFolder)),
    }),
    workingDirectory: process.cwd(),
    platform: systemPlatform,
    stop: stopOnSignals((text) => terminal.note(text)),
    version: readVersion(),
    debug: (env.HOLDFAST_DEBUG ?? '') !== '',
  };
  // The program's timers do not keep the process alive, so that they cannot hold up its end; this does until then.
  const alive = new MessageChannel();
  alive.port1.on('message', () => {});
  process.exitCode = await runProgram(process.argv.slice(2), context);
  alive.port1.close();
  systemClock.schedule(lingerMs, () => process.exit());
}

await main();
