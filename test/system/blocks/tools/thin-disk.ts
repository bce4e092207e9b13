/**
 * A disk that promises more room than it has: a sparse ext4 image on a small memory file system. Writes are taken as
 * usual; when the kernel brings them to the disk there is no room, so fsync fails for real, and the pages that could not
 * be written are kept as if they had been.
 */
import { statfsSync } from 'node:fs';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, runCommand } from '../../tools/commands.js';
import { MiB } from '../../tools/requirements.js';
import { mountPointsBelow, type Workspace } from '../../tools/workspace.js';

const looksLikeBytes = 192 * MiB;

export class ThinDisk {
  readonly path: string;
  readonly #backing: string;
  readonly #device: string;

  private constructor(path: string, backing: string, device: string) {
    this.path = path;
    this.#backing = backing;
    this.#device = device;
  }

  /** Mounted, with as much room as it looks like. */
  static async create(workspace: Workspace, name: string, journal: 'none' | 'small'): Promise<ThinDisk> {
    const backing = await workspace.folder(`${name}-backing`);
    await mustRun('mount', ['-t', 'tmpfs', '-o', `size=${2 * looksLikeBytes}`, 'tmpfs', backing]);
    workspace.defer(async () => void (await runCommand('umount', ['-l', backing])));
    const image = join(backing, 'image');
    await writeFile(image, '');
    await truncate(image, looksLikeBytes);
    const features = journal === 'none' ? ['-O', '^has_journal'] : ['-J', 'size=4'];
    await mustRun('mkfs.ext4', [
      '-q',
      '-m',
      '0',
      '-b',
      '4096',
      ...features,
      '-E',
      'nodiscard,lazy_itable_init=0',
      image,
    ]);
    const device = (await mustRun('losetup', ['--find', '--show', image])).trim();
    const disk = new ThinDisk(join(workspace.path, name), backing, device);
    workspace.defer(async () => {
      if (mountPointsBelow(workspace.path).includes(disk.path)) await runCommand('umount', ['-l', disk.path]);
      await runCommand('losetup', ['-d', device]);
    });
    await mkdir(disk.path);
    await disk.mount();
    return disk;
  }

  async mount(): Promise<void> {
    await mustRun('mount', ['-o', 'noatime', this.#device, this.path]);
  }

  async unmount(): Promise<void> {
    await mustRun('umount', [this.path]);
  }

  /** From now on only so much more can really be written. */
  async runDry(leftBytes: number): Promise<void> {
    await mustRun('sync', ['-f', this.path]);
    const { blocks, bfree, bsize } = statfsSync(this.#backing);
    await mustRun('mount', ['-o', `remount,size=${(blocks - bfree) * bsize + leftBytes}`, this.#backing]);
  }

  /** The room that it promised, for what is written from now on. */
  async giveRoom(): Promise<void> {
    await mustRun('mount', ['-o', `remount,size=${2 * looksLikeBytes}`, this.#backing]);
  }

  /** Gets its room, and its file system is looked over. Must not be mounted. */
  async repair(): Promise<void> {
    await this.giveRoom();
    const { code, stdout } = await runCommand('e2fsck', ['-f', '-y', this.#device]);
    if (code === null || code > 2) throw new Error(`e2fsck ended with ${code}: ${stdout}`);
  }
}
