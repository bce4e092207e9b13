/** A node's disk that falls ill while it is mounted: fails, crawls, hangs or dies. */
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, runCommand } from '../../tools/commands.js';
import { MiB } from '../../tools/requirements.js';
import { mountPointsBelow, type Workspace } from '../../tools/workspace.js';
import { type Conduct, StorageDaemon } from './storage-daemon.js';

const diskBytes = 256 * MiB;

export class FaultyDisk {
  readonly path: string;
  readonly #workspace: Workspace;
  readonly #name: string;
  readonly #image: string;
  readonly #daemon: StorageDaemon;
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
    disk.#device = (await mustRun('losetup', ['--find', '--show', daemon.pathOf(name)])).trim();
    workspace.defer(() => disk.#unplug());
    await mkdir(disk.path);
    await mustRun('mount', ['-o', 'noatime', disk.#device, disk.path]);
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

  /** The same disk, well again, looked over and mounted. Nobody may use it meanwhile. */
  async replaceCable(): Promise<void> {
    await this.#unplug();
    await this.#daemon.stop();
    const { code, stdout } = await runCommand('e2fsck', ['-f', '-y', this.#image]);
    if (code === null || code > 2) throw new Error(`e2fsck ended with ${code}: ${stdout}`);
    await mustRun('mount', ['-o', 'loop,noatime', this.#image, this.path]);
  }

  async #unplug(): Promise<void> {
    this.wake();
    if (mountPointsBelow(this.#workspace.path).includes(this.path)) await runCommand('umount', ['-l', this.path]);
    if (this.#device !== undefined) await runCommand('losetup', ['-d', this.#device]);
    this.#device = undefined;
  }
}
