/**
 * A disk of its own for a node or an index: an ext4 image behind a loop device. It can be pulled (lazy unmount), lose
 * power (all that was not synced is gone), become read-only and come back.
 */
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, runCommand } from './commands.js';
import { mountPointsBelow, type Workspace } from './workspace.js';

export class LoopDisk {
  /** Where it is mounted; a bare folder while it is not. */
  readonly path: string;
  readonly device: string;
  readonly #parent: string;

  private constructor(parent: string, path: string, device: string) {
    this.#parent = parent;
    this.path = path;
    this.device = device;
  }

  /** Formatted and mounted. The image is sparse. */
  static async create(workspace: Workspace, name: string, sizeBytes: number): Promise<LoopDisk> {
    const image = join(workspace.path, `${name}.img`);
    await writeFile(image, '');
    await truncate(image, sizeBytes);
    await mustRun('mkfs.ext4', ['-q', '-m', '0', '-E', 'nodiscard,lazy_itable_init=1,lazy_journal_init=1', image]);
    const device = (await mustRun('losetup', ['--find', '--show', image])).trim();
    const disk = new LoopDisk(workspace.path, join(workspace.path, name), device);
    workspace.defer(() => disk.destroy());
    await mkdir(disk.path);
    await disk.mount();
    return disk;
  }

  async mount(): Promise<void> {
    await mustRun('mount', ['-t', 'ext4', '-o', 'noatime', this.device, this.path]);
  }

  isMounted(): boolean {
    return mountPointsBelow(this.#parent).includes(this.path);
  }

  async unmount(): Promise<void> {
    await mustRun('umount', [this.path]);
  }

  /** The disk is pulled: its path is a bare folder from now on, files open on it stay open. */
  async unmountLazily(): Promise<void> {
    await mustRun('umount', ['-l', this.path]);
  }

  /** 'ro' or 'rw'. */
  async remount(mode: 'ro' | 'rw'): Promise<void> {
    await mustRun('mount', ['-o', `remount,${mode}`, this.path]);
  }

  /** Power is lost: nothing that was not synced reaches the disk any more. Mounted again only by `powerUp`. */
  async cutPower(): Promise<void> {
    await mustRun('xfs_io', ['-x', '-c', 'shutdown', this.path]);
  }

  async powerUp(): Promise<void> {
    await this.unmount();
    await this.mount();
  }

  async destroy(): Promise<void> {
    while (this.isMounted()) await mustRun('umount', ['-l', this.path]);
    await runCommand('losetup', ['-d', this.device]);
  }
}
