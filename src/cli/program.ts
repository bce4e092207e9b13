/** The whole command line: every command, its errors and its exit code. Ends no process and reads no environment. */
import { Command, type CommanderError } from 'commander';
import { asDriveError, DriveError } from '../core/errors.js';
import { translateSystemError } from '../core/system-errors.js';
import type { CommandContext } from './command-context.js';
import { type Act, type CommandMaker, examples } from './command-frame.js';
import { atticListCommand } from './commands/attic-list.js';
import { atticRestoreCommand } from './commands/attic-restore.js';
import { checkCommand } from './commands/check.js';
import { initCommand } from './commands/init.js';
import { mountCommand } from './commands/mount.js';
import { protectCommand } from './commands/protect.js';
import { rebuildCommand } from './commands/rebuild.js';
import { rehearseCommand } from './commands/rehearse.js';
import { salvageCommand } from './commands/salvage.js';
import { scrubCommand } from './commands/scrub.js';
import { serveCommand } from './commands/serve.js';
import { startCommand } from './commands/start.js';
import { statusCommand } from './commands/status.js';
import { unmountCommand } from './commands/unmount.js';
import { userAddCommand } from './commands/user-add.js';
import { userListCommand } from './commands/user-list.js';
import { userPasswdCommand } from './commands/user-passwd.js';
import { userRemoveCommand } from './commands/user-remove.js';
import { diskMakers, nodeMakers } from './disk-makers.js';
import { type ExitCode, exitCodeOfError, exitCodes } from './exit-codes.js';
import { reportError } from './output/error-report.js';

const makers: readonly CommandMaker[] = [
  startCommand,
  initCommand,
  serveCommand,
  mountCommand,
  unmountCommand,
  statusCommand,
  checkCommand,
  scrubCommand,
  salvageCommand,
  rehearseCommand,
  rebuildCommand,
  protectCommand,
  ...diskMakers,
];
const atticMakers: readonly CommandMaker[] = [atticListCommand, atticRestoreCommand];

const userMakers: readonly CommandMaker[] = [userListCommand, userAddCommand, userPasswdCommand, userRemoveCommand];

const programExamples = examples(
  ['holdfast init ~/drive --node /disk1/hold --node /disk2/hold', 'make a volume on two disks'],
  ['holdfast serve ~/drive', 'serve it on this machine'],
  ['holdfast mount ~/drive', 'mount it'],
  ['holdfast status ~/drive', 'see what is protected'],
  ['holdfast unplug ~/drive node-2', 'may this disk be unplugged?'],
);

const nodeExamples = examples(
  ['holdfast node list ~/drive', 'what each node is and holds'],
  ['holdfast node add ~/drive /disk3/hold', 'one more disk'],
  ['holdfast node drain ~/drive node-2', 'empty one, so that it may be removed'],
  ['holdfast node remove ~/drive node-2', 'one less'],
);

const userExamples = examples(
  ['holdfast user add ~/drive ana', 'from then on the drive asks for name and password'],
  ['holdfast serve ~/drive --host 0.0.0.0', 'other machines may connect, over TLS'],
);

const atticExamples = examples(
  ['holdfast attic list ~/drive', 'what waits to be deleted, why, and until when'],
  ['holdfast attic restore ~/drive --all', 'bring back what is needed'],
);

/** `parameters`: what follows the program's name. Never rejects. */
export async function runProgram(parameters: readonly string[], context: CommandContext): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.good;
  const fail = (thrown: unknown, action: string, json: boolean) => {
    const error = translateForeign(thrown, context);
    exitCode = exitCodeOfError(error.code);
    reportError(error, { terminal: context.terminal, action, json, debug: context.debug });
  };
  const act: Act = async (action, options, body) => {
    try {
      exitCode = await body();
    } catch (error) {
      fail(error, action, options.json ?? false);
    }
  };
  try {
    await makeProgram(context, act).parseAsync(parameters, { from: 'user' });
  } catch (error) {
    if (error instanceof HelpShown) return error.wanted ? exitCodes.good : exitCodes.usage;
    fail(error, `run "holdfast ${parameters.join(' ')}"`, parameters.includes('--json'));
  }
  return exitCode;
}

function makeProgram(context: CommandContext, act: Act): Command {
  const program = new Command('holdfast')
    .description('A network drive over WebDAV that does not lose your files when it loses a disk.')
    .version(context.version, '-V, --version', 'print the version')
    .addHelpText('after', programExamples)
    .addHelpText('after', '\nExit codes: 0 good, 1 failed, 2 wrong usage, 3 damage found, 4 sound but degraded');
  for (const make of makers) program.addCommand(make(context, act));
  const node = new Command('node').description(
    'list, add, empty, replace and remove the directories that hold the copies',
  );
  node.addHelpText('after', nodeExamples);
  for (const make of nodeMakers) node.addCommand(make(context, act));
  program.addCommand(node);
  const user = new Command('user').description('list, add, change and remove those who may use the volume');
  user.addHelpText('after', userExamples);
  for (const make of userMakers) user.addCommand(make(context, act));
  program.addCommand(user);
  const attic = new Command('attic').description('list and bring back files that wait to be deleted from the nodes');
  attic.addHelpText('after', atticExamples);
  for (const make of atticMakers) attic.addCommand(make(context, act));
  program.addCommand(attic);
  prepare(program, context);
  return program;
}

/** Commander never ends the process and never prints errors by itself. */
function prepare(command: Command, context: CommandContext): void {
  const { terminal } = context;
  command.configureOutput({
    writeOut: (text) => terminal.print(text.trimEnd()),
    writeErr: (text) => terminal.note(text.trimEnd()),
    outputError: () => {},
  });
  command.exitOverride((error) => {
    throw translate(error, command);
  });
  for (const child of command.commands) prepare(child, context);
}

/** What a command asks of the system by itself fails with the system's own error. */
function translateForeign(error: unknown, { platform }: CommandContext): DriveError {
  if (error instanceof DriveError || !(error instanceof Error && 'errno' in error)) return asDriveError(error);
  const { path = '' } = error as NodeJS.ErrnoException;
  return translateSystemError(error as NodeJS.ErrnoException, path, platform);
}

class HelpShown extends Error {
  constructor(readonly wanted: boolean) {
    super('help shown');
  }
}

function translate(error: CommanderError, command: Command): Error {
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return new HelpShown(true);
  if (error.code === 'commander.help') return new HelpShown(error.exitCode === 0);
  const path = command.parent?.parent ? `${command.parent.name()} ${command.name()}` : command.name();
  const name = command.parent ? `holdfast ${path}` : 'holdfast';
  return new DriveError('USAGE', {
    // Suggestions of commander come on a line of their own.
    message: error.message.replace(/^error: /, '').replaceAll('\n', ' '),
    hint: `"${name} --help" shows what it takes`,
  });
}
