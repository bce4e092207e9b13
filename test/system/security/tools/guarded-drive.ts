/** A drive with users, served over TLS or not, as the programs of other machines meet it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CommandResult, runCommand } from '../../tools/commands.js';
import { DriveServer, mustBeSound } from '../../tools/drive-server.js';
import { TestVolume } from '../../tools/test-volume.js';
import { Workspace } from '../../tools/workspace.js';

const program = fileURLToPath(new URL('../../../../src/launch.cjs', import.meta.url));

export const writer = { name: 'ana', password: 'long-and-secret' };
export const reader = { name: 'ben', password: 'only-looks-around' };
export type Login = typeof writer;

export class GuardedDrive {
  readonly workspace: Workspace;
  readonly volume: TestVolume;
  readonly server: DriveServer;

  private constructor(workspace: Workspace, volume: TestVolume, server: DriveServer) {
    this.workspace = workspace;
    this.volume = volume;
    this.server = server;
  }

  static async open(context: TestContext, ...args: string[]): Promise<GuardedDrive> {
    const workspace = await Workspace.create(context);
    const volume = await TestVolume.inFolders(workspace);
    await changeUser(['add', volume.directory, writer.name], writer.password);
    await changeUser(['add', volume.directory, reader.name, '--read-only'], reader.password);
    const server = await DriveServer.start(workspace, { directory: volume.directory, args });
    return new GuardedDrive(workspace, volume, server);
  }

  /** With a slash at the end. */
  get url(): string {
    return this.server.url;
  }

  get certificateFile(): string {
    return join(this.volume.directory, 'tls-certificate.pem');
  }

  /** Status and body, asked by curl; `args` before the URL. */
  async curl(path: string, args: readonly string[]): Promise<{ readonly status: number; readonly body: string }> {
    const trust = this.url.startsWith('https') ? ['--cacert', this.certificateFile] : [];
    const { stdout } = await runCommand('curl', [
      '-s',
      '-w',
      '\n%{http_code}',
      ...trust,
      ...args,
      `${this.url}${path}`,
    ]);
    const at = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) };
  }

  async textOf(path: string): Promise<string | undefined> {
    const { status, body } = await this.curl(path, ['--anyauth', '-u', `${writer.name}:${writer.password}`]);
    return status === 200 ? body : undefined;
  }

  /** The last step of each test. The log has no password in it. */
  async end(): Promise<void> {
    await mustBeSound(this.volume.directory);
    await this.server.stop();
    assert.doesNotMatch(this.server.logTail(), new RegExp(`${writer.password}|${reader.password}`));
    const key = await readFile(join(this.volume.directory, 'volume.json'), 'utf8');
    assert.doesNotMatch(key, /scrypt/);
  }
}

/** `holdfast user ...` with the password on standard input. */
export async function changeUser(args: readonly string[], password: string): Promise<void> {
  const { code, stderr } = await withInput(process.execPath, [program, 'user', ...args], `${password}\n`);
  assert.equal(code, 0, stderr);
}

/** Runs a program that asks questions; the answers are all there at once. */
export async function withInput(
  command: string,
  args: readonly string[],
  input: string,
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const child = spawn(command, args, {
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...env },
    timeout: 300_000,
    killSignal: 'SIGKILL',
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: code as number | null, stdout, stderr };
}
