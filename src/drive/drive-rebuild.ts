/** Rebuilding a volume's index from its nodes, into a new file that takes its name only when it is whole. */
import { join, resolve } from 'node:path';
import { removeMade } from '../config/remove-made.js';
import { readVolumeFile, writeVolumeFile } from '../config/volume-file.js';
import { DriveError, hasCode } from '../core/errors.js';
import type { FileIo } from '../core/file-io.js';
import type { Progress } from '../core/progress.js';
import type { RebuildOptions, RebuildReport } from '../drive-contract.js';
import type { NodeRow } from '../meta/rows.js';
import { leaveMark, markSuffix } from '../meta/sqlite/index-mark.js';
import { openMarkSuffix } from '../meta/sqlite/open-mark.js';
import { openMetaStore } from '../meta/sqlite-meta-store.js';
import { type Passport, readPassport } from '../node/passport.js';
import type { EngineNode } from '../volume/engine-node.js';
import { rebuildIndex } from '../volume/history/rebuild.js';
import { type DriveContext, systemContext } from './drive-context.js';
import { holdVolume, lockName } from './drive-lock.js';
import { DriveNodes, type NodeToOpen } from './drive-nodes.js';
import { nodeCalled } from './members/node-called.js';

export const indexName = 'index.db';
const indexFiles = [
  indexName,
  `${indexName}-wal`,
  `${indexName}-shm`,
  indexName + markSuffix,
  indexName + openMarkSuffix,
];
const rebuildingName = 'index.db.rebuilding';

/** The files of the index under a name that says when; null when there were none. */
async function moveIndexAside({ fileIo, clock }: DriveContext, directory: string): Promise<string | null> {
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

/** A whole index at DIR/index.db; one that is there is moved aside when the new one is whole. Writes nothing to the nodes. */
export async function rebuildInto(input: {
  readonly directory: string;
  readonly context: DriveContext;
  readonly nodes: readonly EngineNode[];
  /** Nodes that are lost for good, as a person calls them. */
  readonly without?: readonly string[] | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}): Promise<{
  files: number;
  folders: number;
  sequence: number;
  /** Of the last batch. */
  hash: string;
  nodes: readonly NodeRow[];
  id: string;
  name: string;
  movedAside: string | null;
}> {
  const { directory, nodes, without = [], onProgress, signal } = input;
  const { fileIo } = input.context;
  const file = join(directory, rebuildingName);
  const newIndex = async () => {
    await removeIndex(fileIo, directory, rebuildingName);
    await makeIndexFile(fileIo, file);
    return openMetaStore({ file, isBeingMade: true });
  };
  const calledLost = (known: readonly NodeRow[]) => without.map((wanted) => nodeCalled(wanted, known).id);
  const leaveOut = without.length > 0 ? calledLost : undefined;
  try {
    const meta = await rebuildIndex({ newIndex, nodes, leaveOut, onProgress, signal });
    const { files, folders } = meta.reader.counts();
    const { id, name } = meta.reader.volume()!;
    const { sequence, hash } = meta.reader.tip()!;
    const report = { files, folders, id, name, sequence, hash, nodes: meta.reader.nodes() };
    await meta.close();
    await makeDurable(fileIo, file);
    const movedAside = await moveIndexAside(input.context, directory);
    await fileIo.rename(file, join(directory, indexName));
    await fileIo.syncFolder(directory);
    return { ...report, movedAside };
  } catch (error) {
    await removeIndex(fileIo, directory, rebuildingName);
    throw error;
  }
}

/** UNAVAILABLE when SQLite could not close it in order: the rest of it would be left under another name. */
async function makeDurable(fileIo: FileIo, file: string): Promise<void> {
  if (await fileIo.stat(`${file}-wal`)) {
    throw new DriveError('UNAVAILABLE', {
      message: 'the new index could not be closed',
      hint: "see that there is room on the disk of the volume's directory",
    });
  }
  const handle = await fileIo.open(file, 'write');
  await handle.sync().finally(() => handle.close());
}

/** Empty, for its owner alone: SQLite itself would let everybody read the names of all files. */
export async function makeIndexFile(fileIo: FileIo, path: string): Promise<void> {
  const file = await fileIo.open(path, 'create');
  await file.close();
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
  const found = await identify(fileIo, paths, options.nodes !== undefined);
  const made = await whatIsMissing(fileIo, [directory, join(directory, lockName)]);
  try {
    return await rebuildFrom(found, { options, context, directory, hints });
  } catch (error) {
    await removeMade(made);
    throw error;
  }
}

async function whatIsMissing(fileIo: FileIo, paths: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const path of paths) if (!(await fileIo.stat(path))) missing.push(path);
  return missing;
}

async function rebuildFrom(
  { volume, rows, refused }: Identified,
  {
    options,
    context,
    directory,
    hints,
  }: {
    readonly options: RebuildOptions;
    readonly context: DriveContext;
    readonly directory: string;
    readonly hints: readonly { readonly id: string; readonly path: string }[];
  },
): Promise<RebuildReport> {
  const { fileIo } = context;
  if (!(await fileIo.stat(directory))) await fileIo.makeFolder(directory);
  const lock = await holdVolume(context, directory, volume);
  const nodes = new DriveNodes(context, { volume, report: () => undefined });
  try {
    await nodes.open(rows);
    const { without = [], onProgress, signal } = options;
    const report = await rebuildInto({ directory, context, nodes: nodes.present, without, onProgress, signal });
    await leaveMark(fileIo, join(directory, indexName));
    const pathOf = new Map([...hints, ...rows].map((node) => [node.id, node.path]));
    const kept = report.nodes.filter((node) => node.role !== 'retired');
    const leftOut = new Set(without.map((wanted) => nodeCalled(wanted, kept).id));
    await writeVolumeFile(fileIo, directory, {
      id: report.id,
      name: report.name,
      nodes: kept.map(({ id, label, path }) => ({ id, label, path: pathOf.get(id) ?? path })),
      givenUp: leftOut.size > 0 ? { nodes: [...leftOut], after: report.hash } : undefined,
    });
    const absent = kept.filter((node) => !rows.some((row) => row.id === node.id));
    const describe = ({ id, label, path }: NodeRow) => {
      const reason = refused.get(pathOf.get(id) ?? path);
      return `${label} (last at ${path}${reason === undefined ? '' : `; ${reason}`})`;
    };
    return {
      files: report.files,
      folders: report.folders,
      sequence: report.sequence,
      missingNodes: absent.filter(({ id }) => !leftOut.has(id)).map(describe),
      leftOut: absent.filter(({ id }) => leftOut.has(id)).map(describe),
      movedAside: report.movedAside,
    };
  } finally {
    await nodes.close();
    await lock.close();
  }
}

interface Identified {
  readonly volume: string;
  readonly rows: readonly NodeToOpen[];
  /** Why a directory cannot be used, by path. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Passports of the directories. All must be of one volume; one that cannot be read is an error when it was named. */
async function identify(fileIo: FileIo, paths: readonly string[], named: boolean): Promise<Identified> {
  const rows: NodeToOpen[] = [];
  const refused = new Map<string, string>();
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
      const same = rows.find((row) => row.id === passport.node);
      if (same) {
        throw new DriveError('NODE_REFUSED', {
          message: `${same.path} and ${path} are the same node`,
          hint: 'name each node once; of two copies of a node, only the newer one',
        });
      }
      rows.push({ id: passport.node, label: passport.label, group: passport.node, weight: 1, role: 'active', path });
    } catch (error) {
      const isOfNode = hasCode(error, 'NODE_GONE', 'NODE_IO', 'FILE_MISSING', 'CORRUPT', 'NEWER_FORMAT');
      if (named || !isOfNode) throw error;
      refused.set(path, error.message);
    }
  }
  if (volume === undefined)
    throw new DriveError('NODE_GONE', {
      message: `none of the nodes can be used: ${[...refused.values()].join('; ')}`,
      hint: 'plug in the disks of this volume',
    });
  return { volume, rows, refused };
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

/** What an index of that name consists of; nothing of it need be there. */
export async function removeIndex(fileIo: FileIo, directory: string, name: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) {
    const path = join(directory, name + suffix);
    if (await fileIo.stat(path)) await fileIo.unlink(path);
  }
}
