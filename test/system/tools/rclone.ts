/** rclone with a WebDAV remote called `drive:`, configured by its environment alone. */
import { type CommandResult, runCommand } from './commands.js';

export class Rclone {
  readonly #environment: Readonly<Record<string, string>>;

  constructor(url: string, configurationFile: string) {
    this.#environment = {
      RCLONE_CONFIG: configurationFile,
      RCLONE_CONFIG_DRIVE_TYPE: 'webdav',
      RCLONE_CONFIG_DRIVE_URL: url,
      RCLONE_CONFIG_DRIVE_VENDOR: 'other',
    };
  }

  run(...args: string[]): Promise<CommandResult> {
    return runCommand('rclone', args, { env: this.#environment, timeoutMs: 600_000 });
  }

  /** Fails the test on a non-zero exit, and on any retry: a healthy drive gives a client no reason for one. */
  async must(...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await this.run(...args, '--retries', '1', '--low-level-retries', '1');
    if (code !== 0) throw new Error(`rclone ${args.join(' ')} ended with ${code}:\n${(stdout + stderr).slice(-4000)}`);
  }
}
