/** Rebuilding a volume's index from its nodes, into a new file that takes its name only when it is whole. */
import { join, resolve } from 'node:path';
import { readVolumeFile, writeVolumeFile } from '../config/volume-file.js';
import { asDriveError, DriveError, hasCode } from '../core/errors.js';
import type { FileIo } from '../core/file-io.js';
import type { Progress } from '../core/progress.js';
import type { RebuildOptions, RebuildReport } from '../drive-contract.js';
import { openMetaStore } from '../meta/sqlite-meta-store.js';
import { type Passport, readPassport } from '../node/passport.js';
import type { EngineNode } from '../volume/engine-node.js';
import { rebuildIndex } from '../volume/history/rebuild.js';
import { type DriveContext, systemContext } from './drive-context.js';
import { holdVolume } from './drive-lock.js';
import { DriveNodes, type NodeToOpen } from './drive-nodes.js';

export const indexName = 'index.db';
const indexFiles = [indexName, `${indexName}-wal`, `${indexName}-shm`];
const rebuildingName = 'index.db.rebuilding';

/** The files of the index under a name that says when; null when there were none. */
export async function moveIndexAside({ fileIo, clock }: DriveContext, directory: string): Promise<string | null> {
  const suffix = `.aside-${new Date(clock.now()).toISOString().replaceAll(':', '')}`;
  let moved: string | null = null;
  for (const name of indexFiles) {
    if (!(await fileIo.stat(join(directory, name)))) continue;
    await fileIo.rename(join(directory, name), join(directory, name + suffix));
    moved ??= join(directory, name + suffix);
  }
  await fileIo.syncFolder(directory);
  return moved;
}

/** A whole index at DIR/index.db, where none is. Writes nothing to the nodes. */
export async function rebuildInto(input: {
  readonly directory: string;
  readonly context: DriveContext;
  readonly nodes: readonly EngineNode[];
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}): Promise<{
  files: number;
  folders: number;
  sequence: number;
  nodes: readonly NodeToOpen[];
  id: string;
  name: string;
}> {
  const { directory, nodes, onProgress, signal } = input;
  const { fileIo } = input.context;
  const file = join(directory, rebuildingName);
  const newIndex = async () => {
    await removeIndex(fileIo, directory, rebuildingName);
    return openMetaStore({ file });
  };
  const meta = await rebuildIndex({ newIndex, nodes, onProgress, signal });
  const { files, folders } = meta.reader.counts();
  const { id, name } = meta.reader.volume()!;
  const report = { files, folders, id, name, sequence: meta.reader.tip()!.sequence, nodes: meta.reader.nodes() };
  await meta.close();
  const handle = await fileIo.open(file, 'write');
  await handle.sync().finally(() => handle.close());
  await fileIo.rename(file, join(directory, indexName));
  await fileIo.syncFolder(directory);
  return report;
}

export async function rebuildVolume(
  options: RebuildOptions,
  context: DriveContext = systemContext,
): Promise<RebuildReport> {
  const directory = resolve(options.directory);
  const { fileIo } = context;
  const hints = await hintsOf(fileIo, directory);
  const paths = options.nodes?.map((path) => resolve(path)) ?? hints.map((node) => node.path);
  if (paths.length === 0) {
    throw new DriveError('USAGE', {
      message: 'no node directory is known',
      hint: 'name the node directories: holdfast rebuild DIR --node PATH --node PATH',
    });
  }
  const { volume, rows } = await identify(fileIo, paths, options.nodes !== undefined);
  if (!(await fileIo.stat(directory))) await fileIo.makeFolder(directory);
  const lock = await holdVolume(context, directory, volume);
  const nodes = new DriveNodes(context, { volume, report: () => undefined });
  try {
    await nodes.open(rows);
    const movedAside = await moveIndexAside(context, directory);
    const { onProgress, signal } = options;
    const report = await rebuildInto({ directory, context, nodes: nodes.present, onProgress, signal });
    const pathOf = new Map([...hints, ...rows].map((node) => [node.id, node.path]));
    const kept = report.nodes.filter((node) => node.role !== 'retired');
    await writeVolumeFile(fileIo, directory, {
      id: report.id,
      name: report.name,
      nodes: kept.map(({ id, label, path }) => ({ id, label, path: pathOf.get(id) ?? path })),
    });
    const missing = kept.filter((node) => !rows.some((row) => row.id === node.id));
    return {
      files: report.files,
      folders: report.folders,
      sequence: report.sequence,
      missingNodes: missing.map((node) => `${node.label} (last at ${node.path})`),
      movedAside,
    };
  } finally {
    await nodes.close();
    await lock.close();
  }
}

/** Passports of the directories. All must be of one volume; one that cannot be read is an error when it was named. */
async function identify(
  fileIo: FileIo,
  paths: readonly string[],
  named: boolean,
): Promise<{ volume: string; rows: NodeToOpen[] }> {
  const rows: NodeToOpen[] = [];
  let volume: string | undefined;
  for (const path of paths) {
    try {
      const passport = await passportAt(fileIo, path);
      volume ??= passport.volume;
      if (passport.volume !== volume) {
        throw new DriveError('NODE_REFUSED', {
          message: `${path} belongs to another volume than ${paths[0]}`,
          hint: 'name only the nodes of one volume',
        });
      }
      rows.push({ id: passport.node, label: passport.label, group: passport.node, weight: 1, role: 'active', path });
    } catch (error) {
      if (named || !hasCode(asDriveError(error), 'NODE_GONE', 'NODE_IO', 'FILE_MISSING')) throw error;
    }
  }
  if (volume === undefined)
    throw new DriveError('NODE_GONE', {
      message: 'none of the nodes is there',
      hint: 'plug in the disks of this volume',
    });
  return { volume, rows };
}

async function passportAt(fileIo: FileIo, path: string): Promise<Passport> {
  try {
    return (await readPassport(fileIo, path)).passport;
  } catch (error) {
    if (!hasCode(error, 'FILE_MISSING')) throw error;
    throw new DriveError('NODE_GONE', {
      message: `${path} holds no node`,
      hint: 'mount the disk that it belongs to, or leave it out',
      cause: error,
    });
  }
}

async function hintsOf(fileIo: FileIo, directory: string): Promise<readonly { id: string; path: string }[]> {
  try {
    return (await readVolumeFile(fileIo, directory)).nodes;
  } catch (error) {
    if (hasCode(error, 'FILE_MISSING', 'NOT_FOUND', 'CORRUPT')) return [];
    throw error;
  }
}

async function removeIndex(fileIo: FileIo, directory: string, name: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) {
    const path = join(directory, name + suffix);
    if (await fileIo.stat(path)) await fileIo.unlink(path);
  }
}
