/** A node's disk that falls ill while it is mounted: fails, crawls, hangs or dies. */
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, runCommand } from '../../tools/commands.js';
import { MiB } from '../../tools/requirements.js';
import { waitUntil } from '../../tools/wait.js';
import { mountPointsBelow, type Workspace } from '../../tools/workspace.js';
import { type Conduct, StorageDaemon } from './storage-daemon.js';

const diskBytes = 256 * MiB;

export class FaultyDisk {
  readonly path: string;
  readonly #workspace: Workspace;
  readonly #name: string;
  readonly #image: string;
  #daemon: StorageDaemon;
  #device: string | undefined;

  private constructor(workspace: Workspace, name: string, image: string, daemon: StorageDaemon) {
    this.#workspace = workspace;
    this.#name = name;
    this.path = join(workspace.path, name);
    this.#image = image;
    this.#daemon = daemon;
  }

  static async create(workspace: Workspace, name: string): Promise<FaultyDisk> {
    const image = join(workspace.path, `${name}.img`);
    await writeFile(image, '');
    await truncate(image, diskBytes);
    await mustRun('mkfs.ext4', ['-q', '-m', '0', '-E', 'nodiscard,lazy_itable_init=0', image]);
    const daemon = await StorageDaemon.start(workspace, name, [{ name, image }]);
    const disk = new FaultyDisk(workspace, name, image, daemon);
    workspace.defer(() => disk.#unplug());
    await mkdir(disk.path);
    await disk.#plug();
    return disk;
  }

  /** 'hung' and 'killed' are of the whole disk: no answer, and errors for ever. */
  async fall(ill: Conduct | 'hung' | 'killed'): Promise<void> {
    if (ill === 'hung') this.#daemon.freezeNow();
    else if (ill === 'killed') await this.#daemon.kill();
    else await this.#daemon.behave(this.#name, ill);
  }

  /** Whatever waits for a hung disk cannot even be killed before this. Idempotent. */
  wake(): void {
    this.#daemon.thawIfAlive();
  }

  /** Well again, with a new process behind it, looked over and mounted, as soon as nothing is open on it any more. */
  async replug(): Promise<void> {
    const isGone = async () => !this.#isMounted() || (await runCommand('umount', [this.path])).code === 0;
    await waitUntil('the sick disk can be unmounted', isGone, { timeoutMs: 300_000 });
    await this.#unplug();
    await this.#daemon.stop();
    await this.#lookOver(this.#image);
    this.#daemon = await StorageDaemon.start(this.#workspace, this.#name, [{ name: this.#name, image: this.#image }]);
    await this.#plug();
  }

  /** The same disk, well again, looked over and mounted. Nobody may use it meanwhile. */
  async replaceCable(): Promise<void> {
    await this.#unplug();
    await this.#daemon.stop();
    await this.#lookOver(this.#image);
    await mustRun('mount', ['-o', 'loop,noatime', this.#image, this.path]);
  }

  async #plug(): Promise<void> {
    this.#device = (await mustRun('losetup', ['--find', '--show', this.#daemon.pathOf(this.#name)])).trim();
    await mustRun('mount', ['-o', 'noatime', this.#device, this.path]);
  }

  async #lookOver(imageOrDevice: string): Promise<void> {
    const { code, stdout } = await runCommand('e2fsck', ['-f', '-y', imageOrDevice]);
    if (code === null || code > 2) throw new Error(`e2fsck ended with ${code}: ${stdout}`);
  }

  #isMounted(): boolean {
    return mountPointsBelow(this.#workspace.path).includes(this.path);
  }

  async #unplug(): Promise<void> {
    this.wake();
    if (this.#isMounted()) await runCommand('umount', ['-l', this.path]);
    if (this.#device !== undefined) await runCommand('losetup', ['-d', this.#device]);
    this.#device = undefined;
  }
}
