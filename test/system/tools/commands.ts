/** System programs run as children: never through a shell, always with a deadline, output kept whole. */
import { spawn } from 'node:child_process';

export interface CommandResult {
  /** null when a signal ended it (the deadline too). */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to this process' environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** After this the program is killed; default five minutes. */
  readonly timeoutMs?: number;
}

/** Runs to the end whatever the exit code. Rejects only when the program cannot be started. */
export function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 300_000,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
    child.once('error', reject);
    // 'exit', not 'close': a daemon that the program leaves behind (mount.davfs) may keep the pipes open for ever.
    child.once('exit', (code) => {
      const finish = () => {
        child.stdout.destroy();
        child.stderr.destroy();
        resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
      };
      const late = setTimeout(finish, 500);
      child.once('close', () => {
        clearTimeout(late);
        finish();
      });
    });
  });
}

/** Standard output of a program that must succeed; otherwise an Error that carries what it said. */
export async function mustRun(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runCommand(program, args, options);
  if (code === 0) return stdout;
  const said = [stderr.trim(), stdout.trim()].filter(Boolean).join('\n').slice(-4000);
  throw new Error(`${program} ${args.join(' ')} ended with ${code ?? 'a signal'}:\n${said}`);
}
