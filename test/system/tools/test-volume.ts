/** A volume to be tested: in plain folders, or with its index and each node on a loop disk of its own. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DriveServer, mustHoldfast, type ServeOptions } from './drive-server.js';
import { LoopDisk } from './loop-disk.js';
import type { Workspace } from './workspace.js';

export interface LoopVolumeOptions {
  readonly nodeBytes: number;
  readonly indexBytes: number;
}

export class TestVolume {
  readonly directory: string;
  readonly nodePaths: readonly string[];
  readonly #workspace: Workspace;

  private constructor(workspace: Workspace, directory: string, nodePaths: readonly string[]) {
    this.#workspace = workspace;
    this.directory = directory;
    this.nodePaths = nodePaths;
  }

  /** Three nodes, two copies. */
  static async inFolders(workspace: Workspace): Promise<TestVolume> {
    const nodePaths = ['node-1', 'node-2', 'node-3'].map((name) => join(workspace.path, name));
    for (const path of nodePaths) await workspace.folder(path.slice(workspace.path.length + 1));
    const volume = new TestVolume(workspace, join(workspace.path, 'volume'), nodePaths);
    await volume.#initialize();
    return volume;
  }

  /** Three nodes, two copies; the volume's directory lies on a fourth disk. */
  static async onLoopDisks(workspace: Workspace, options: LoopVolumeOptions): Promise<LoopVolume> {
    const index = await LoopDisk.create(workspace, 'index', options.indexBytes);
    const nodes: LoopDisk[] = [];
    for (const name of ['node-1', 'node-2', 'node-3']) {
      nodes.push(await LoopDisk.create(workspace, name, options.nodeBytes));
    }
    const paths = nodes.map((node) => node.path);
    const volume = new TestVolume(workspace, join(index.path, 'volume'), paths);
    await volume.#initialize();
    return { volume, index, nodes };
  }

  serve(options: Omit<ServeOptions, 'directory'> = {}): Promise<DriveServer> {
    return DriveServer.start(this.#workspace, { directory: this.directory, ...options });
  }

  async #initialize(): Promise<void> {
    const nodes = this.nodePaths.flatMap((path) => ['--node', path]);
    await mustHoldfast('init', this.directory, ...nodes, '--replicas', '2', '--name', 'drive');
  }
}

export interface LoopVolume {
  readonly volume: TestVolume;
  readonly index: LoopDisk;
  readonly nodes: readonly LoopDisk[];
}

/** Paths of the segment files that a node holds now, by name. */
export async function segmentFiles(nodePath: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const folder of await readdir(nodePath)) {
    if (!folder.startsWith('holdfast-')) continue;
    const segments = join(nodePath, folder, 'segments');
    for (const name of await readdir(segments).catch(() => [])) files.set(name, join(segments, name));
  }
  return files;
}
