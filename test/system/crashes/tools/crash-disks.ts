/**
 * The four disks of a sweep: one for the index, three nodes. Images in memory behind loop devices that go away with their
 * mount; so a power cut and all that follows takes some 30 ms. Mounted so that the kernel makes as little durable by itself
 * as it can.
 */
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun } from '../../tools/commands.js';
import type { Workspace } from '../../tools/workspace.js';

export type FileSystemName = 'ext4' | 'xfs';

// From dist/test/system/crashes/tools up to the repository.
const source = fileURLToPath(new URL('../../../../../test/fault/remount.c', import.meta.url));
const MiB = 1024 * 1024;

const recipes = {
  ext4: {
    sizeBytes: 256 * MiB,
    make: ['mkfs.ext4', '-q', '-F', '-m', '0', '-J', 'size=4', '-E', 'nodiscard'],
    options: 'noauto_da_alloc,commit=300,noinit_itable',
  },
  // It refuses to be made smaller than 300 MB.
  xfs: {
    sizeBytes: 320 * MiB,
    make: ['mkfs.xfs', '-q', '-f', '-K'],
    options: 'nouuid',
  },
} as const;

const imagesBytes = 1600 * MiB;
/** It asks all loop devices of the machine, and one of another test may hang on purpose. */
const makeLimitMs = 600_000;

interface Disk {
  readonly image: string;
  readonly path: string;
}

export class CrashDisks {
  readonly #kind: FileSystemName;
  readonly #disks: readonly Disk[];
  readonly #remount: string;
  /** An empty file system, made once. */
  readonly #template: string;
  readonly #mounted = new Set<Disk>();

  private constructor(kind: FileSystemName, disks: readonly Disk[], tools: { remount: string; template: string }) {
    this.#kind = kind;
    this.#disks = disks;
    this.#remount = tools.remount;
    this.#template = tools.template;
  }

  /** Nothing is mounted before `renew`. */
  static async create(workspace: Workspace, kind: FileSystemName): Promise<CrashDisks> {
    const images = await workspace.folder('images');
    await mustRun('mount', ['-t', 'tmpfs', '-o', `size=${imagesBytes}`, 'holdfast', images]);
    const disks = ['index', 'node-1', 'node-2', 'node-3'].map((name) => ({
      image: join(images, `${name}.img`),
      path: join(workspace.path, name),
    }));
    for (const { path } of disks) await mkdir(path);
    const remount = join(workspace.path, 'remount');
    await mustRun('cc', ['-O2', '-o', remount, source]);
    const template = join(images, 'template.img');
    const crashDisks = new CrashDisks(kind, disks, { remount, template });
    workspace.defer(async () => {
      await crashDisks.powerDown();
      await mustRun('umount', [images]);
    });
    const { sizeBytes, make } = recipes[kind];
    await writeFile(template, '');
    await truncate(template, sizeBytes);
    await mustRun(make[0], [...make.slice(1), template], { timeoutMs: makeLimitMs });
    return crashDisks;
  }

  /** The index's disk and then the nodes'. */
  get paths(): readonly string[] {
    return this.#disks.map(({ path }) => path);
  }

  get directory(): string {
    return join(this.#disks[0]!.path, 'volume');
  }

  get nodePaths(): readonly string[] {
    return this.paths.slice(1);
  }

  /** Empty file systems, mounted. */
  async renew(): Promise<void> {
    await this.powerDown();
    for (const { image } of this.#disks) await mustRun('cp', ['--sparse=always', this.#template, image]);
    await this.powerUp();
  }

  /** All that are not mounted come back, but for the node with this index. */
  powerUp(options: { readonly withoutNode?: number } = {}): Promise<void> {
    const away = options.withoutNode === undefined ? undefined : this.#disks[options.withoutNode + 1];
    return this.#change(
      [],
      this.#disks.filter((disk) => !this.#mounted.has(disk) && disk !== away),
    );
  }

  /** Unmounted; what is dirty is written, unless the power was cut. */
  powerDown(): Promise<void> {
    return this.#change([...this.#mounted], []);
  }

  /** After a cut. */
  powerCycle(): Promise<void> {
    return this.#change([...this.#mounted], this.#disks);
  }

  async #change(unmount: readonly Disk[], mount: readonly Disk[]): Promise<void> {
    const words = [
      ...unmount.flatMap(({ path }) => ['-u', path]),
      ...mount.flatMap(({ image, path }) => ['-m', image, path]),
    ];
    if (words.length === 0) return;
    for (const disk of unmount) this.#mounted.delete(disk);
    for (const disk of mount) this.#mounted.add(disk);
    await mustRun(this.#remount, [this.#kind, recipes[this.#kind].options, ...words]);
  }
}
