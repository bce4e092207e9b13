/**
 * A session bus with a home of its own, as a desktop has: what gio and kioclient5 need. Services that they start on it
 * (the parts of GVFS and KIO that speak WebDAV) end with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type CommandResult, mustRun, runCommand } from '../../tools/commands.js';
import type { Workspace } from '../../tools/workspace.js';

export class DesktopSession {
  readonly environment: Readonly<Record<string, string>>;
  /** What `/run/user/UID` is elsewhere: GVFS shows its mounts to other programs in there. */
  readonly runtimeFolder: string;

  private constructor(environment: Readonly<Record<string, string>>, runtimeFolder: string) {
    this.environment = environment;
    this.runtimeFolder = runtimeFolder;
  }

  static async open(workspace: Workspace): Promise<DesktopSession> {
    const home = await workspace.folder('desktop-home');
    const runtimeFolder = await workspace.folder('desktop-runtime');
    await chmod(runtimeFolder, 0o700);
    const own = { HOME: home, XDG_RUNTIME_DIR: runtimeFolder, XDG_CACHE_HOME: `${home}/.cache`, LC_ALL: 'C.UTF-8' };
    const settings = { ...own, QT_QPA_PLATFORM: 'offscreen', GIO_USE_VOLUME_MONITOR: 'unix' };
    const bus = spawn('dbus-daemon', ['--session', '--nofork', '--nopidfile', '--print-address=1'], {
      env: { ...process.env, ...settings },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    workspace.defer(() => end(bus, runtimeFolder));
    const [address] = await once(createInterface({ input: bus.stdout }), 'line', {
      signal: AbortSignal.timeout(180_000),
    });
    return new DesktopSession({ ...settings, DBUS_SESSION_BUS_ADDRESS: String(address) }, runtimeFolder);
  }

  run(program: string, args: readonly string[]): Promise<CommandResult> {
    return runCommand(program, args, { env: this.environment });
  }

  /** Standard output; an exit code other than 0 fails the test with what was said. */
  must(program: string, args: readonly string[]): Promise<string> {
    return mustRun(program, args, { env: this.environment });
  }
}

/** The bus, and what was started on it: each process has the session's folder in its environment. */
async function end(bus: ChildProcess, runtimeFolder: string): Promise<void> {
  const exited = bus.exitCode === null && bus.signalCode === null ? once(bus, 'exit') : undefined;
  bus.kill('SIGTERM');
  await exited;
  bus.stdout?.destroy();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
      if (environment.includes(`XDG_RUNTIME_DIR=${runtimeFolder}`)) process.kill(Number(name), 'SIGKILL');
    } catch {
      // Gone meanwhile.
    }
  }
}
