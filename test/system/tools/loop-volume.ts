/** A volume whose index and nodes lie on loop disks of their own. */
import { join } from 'node:path';
import { DriveServer, mustHoldfast, type ServeOptions } from './drive-server.js';
import { LoopDisk } from './loop-disk.js';
import type { Workspace } from './workspace.js';

export interface LoopVolumeOptions {
  readonly nodes?: number;
  readonly nodeBytes: number;
  readonly indexBytes: number;
  readonly replicas?: number;
}

export class LoopVolume {
  readonly directory: string;
  readonly index: LoopDisk;
  readonly nodes: readonly LoopDisk[];
  readonly #workspace: Workspace;

  private constructor(workspace: Workspace, index: LoopDisk, nodes: readonly LoopDisk[]) {
    this.#workspace = workspace;
    this.index = index;
    this.nodes = nodes;
    this.directory = join(index.path, 'volume');
  }

  static async create(workspace: Workspace, options: LoopVolumeOptions): Promise<LoopVolume> {
    const index = await LoopDisk.create(workspace, 'index', options.indexBytes);
    const nodes: LoopDisk[] = [];
    for (let number = 1; number <= (options.nodes ?? 3); number++) {
      nodes.push(await LoopDisk.create(workspace, `node-${number}`, options.nodeBytes));
    }
    const volume = new LoopVolume(workspace, index, nodes);
    const paths = nodes.flatMap((node) => ['--node', node.path]);
    const replicas = ['--replicas', String(options.replicas ?? 2)];
    await mustHoldfast('init', volume.directory, ...paths, ...replicas, '--name', 'drive');
    return volume;
  }

  serve(options: Omit<ServeOptions, 'directory'> = {}): Promise<DriveServer> {
    return DriveServer.start(this.#workspace, { directory: this.directory, ...options });
  }

  get disks(): readonly LoopDisk[] {
    return [this.index, ...this.nodes];
  }
}
