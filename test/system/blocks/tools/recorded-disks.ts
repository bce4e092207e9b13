/** The disks of a recording: fresh file systems, each on an image of its own whose writes and flushes are logged. */
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, runCommand } from '../../tools/commands.js';
import { MiB } from '../../tools/requirements.js';
import { mountPointsBelow, type Workspace } from '../../tools/workspace.js';
import { BlockLog } from './block-log.js';
import { StorageDaemon } from './storage-daemon.js';

export type FileSystem = 'ext4' | 'xfs';

export interface RecordedDisk {
  readonly name: string;
  readonly fileSystem: FileSystem;
}

const diskBytes = 128 * MiB;

export class RecordedDisks {
  readonly #workspace: Workspace;
  readonly #disks: readonly RecordedDisk[];
  readonly #daemon: StorageDaemon;
  readonly #logs: readonly BlockLog[];
  readonly #devices = new Map<string, string>();

  private constructor(workspace: Workspace, disks: readonly RecordedDisk[], daemon: StorageDaemon, logs: BlockLog[]) {
    this.#workspace = workspace;
    this.#disks = disks;
    this.#daemon = daemon;
    this.#logs = logs;
  }

  /** Formatted and mounted. `folder` gets NAME.base, what is on each disk before it is mounted, and NAME.log. */
  static async create(workspace: Workspace, folder: string, disks: readonly RecordedDisk[]): Promise<RecordedDisks> {
    const fileOf = (name: string, kind: string) => join(folder, `${name}.${kind}`);
    for (const { name, fileSystem } of disks) {
      const image = fileOf(name, 'img');
      await writeFile(image, '');
      await truncate(image, diskBytes);
      await mustRun(...formatCommand(fileSystem, image));
      await mustRun('cp', ['--sparse=always', image, fileOf(name, 'base')]);
      await writeFile(fileOf(name, 'log'), '');
    }
    const images = disks.map(({ name }) => ({ name, image: fileOf(name, 'img'), log: fileOf(name, 'log') }));
    const daemon = await StorageDaemon.start(workspace, 'recorder', images);
    const logs = images.map(({ log }) => new BlockLog(log));
    const recorded = new RecordedDisks(workspace, disks, daemon, logs);
    for (const { name } of disks) await recorded.#attach(name);
    return recorded;
  }

  mountPoint(name: string): string {
    return join(this.#workspace.path, name);
  }

  async pull(name: string): Promise<void> {
    await mustRun('umount', ['-l', this.mountPoint(name)]);
  }

  async plug(name: string): Promise<void> {
    const isExt4 = this.#disks.some((disk) => disk.name === name && disk.fileSystem === 'ext4');
    // What nobody syncs must not get there by the file system's own zeal.
    const options = isExt4 ? 'noatime,commit=300,noauto_da_alloc' : 'noatime';
    await mustRun('mount', ['-o', options, this.#devices.get(name)!, this.mountPoint(name)]);
  }

  /**
   * Calls back at one instant of all disks, with the entries in each log. Everything stands still meanwhile. Does nothing
   * when a log has a hole now.
   */
  atInstant(note: (entries: number[]) => void): void {
    this.#daemon.freezeNow();
    try {
      const entries = this.#logs.map((log) => log.scan());
      if (entries.every((count) => count !== undefined)) note(entries);
    } finally {
      this.#daemon.thaw();
    }
  }

  /** All is unmounted; the logs are whole. */
  async finish(): Promise<void> {
    for (const { name } of this.#disks) await mustRun('umount', [this.mountPoint(name)]);
    await this.#daemon.stop();
    for (const log of this.#logs) {
      log.verify();
      log.close();
    }
  }

  async #attach(name: string): Promise<void> {
    const device = (await mustRun('losetup', ['--find', '--show', this.#daemon.pathOf(name)])).trim();
    this.#devices.set(name, device);
    this.#workspace.defer(async () => {
      if (mountPointsBelow(this.#workspace.path).includes(this.mountPoint(name))) await this.pull(name);
      await runCommand('losetup', ['-d', device]);
    });
    await mkdir(this.mountPoint(name));
    await this.plug(name);
  }
}

function formatCommand(fileSystem: FileSystem, image: string): [string, string[]] {
  if (fileSystem === 'ext4') {
    return ['mkfs.ext4', ['-q', '-m', '0', '-b', '4096', '-J', 'size=4', '-E', 'nodiscard,lazy_itable_init=0', image]];
  }
  // Smaller than its makers support: large images would cost time in each crash state.
  return ['mkfs.xfs', ['-q', '-K', '--unsupported', '-l', 'size=8m', image]];
}
