/** LibreOffice without a window, told what to do line by line through office.py. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Workspace } from '../../tools/workspace.js';

const script = fileURLToPath(new URL('../../../../../test/system/clients/tools/office.py', import.meta.url));
/** Debian's own Python: another one on the search path does not know UNO. */
export const officePython = '/usr/bin/python3';

export class Office {
  readonly #script: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: Interface) {
    this.#script = child;
    this.#answers = lines[Symbol.asyncIterator]();
  }

  /** `name` tells two that run at once apart. */
  static async open(workspace: Workspace, name: string): Promise<Office> {
    const profile = await workspace.folder(`${name}-profile`);
    const pipe = `holdfast-${process.pid}-${name}`;
    const quiet = ['--headless', '--norestore', '--nologo', '--nodefault', '--nofirststartwizard'];
    const environment = { ...process.env, HOME: profile, LC_ALL: 'C.UTF-8' };
    const program = spawn(
      'soffice',
      [...quiet, `-env:UserInstallation=file://${profile}`, `--accept=pipe,name=${pipe};urp`],
      { env: environment, stdio: 'ignore', detached: true },
    );
    const driver = spawn(officePython, [script, pipe], { env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
    workspace.defer(async () => {
      for (const child of [driver, program]) await end(child);
    });
    return new Office(driver, createInterface({ input: driver.stdout! }));
  }

  /** The answer to one order of office.py; throws when it failed. */
  async tell(order: string): Promise<string> {
    this.#script.stdin!.write(`${order}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`the office script ended at: ${order}`);
    if (value.startsWith('failed')) throw new Error(`${order}: ${value}`);
    return value;
  }
}

/** soffice is a script that starts others: the whole group goes. */
async function end(child: ChildProcess): Promise<void> {
  const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  if (child.spawnargs.includes('--headless')) killGroup(child.pid!);
  child.kill('SIGKILL');
  await exited;
  child.stdout?.destroy();
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
