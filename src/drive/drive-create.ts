/** Makes a new volume: its nodes, its index with the first epoch, and last volume.json, so that half a volume is none. */
import { basename, dirname, join, resolve } from 'node:path';
import { removeMade } from '../config/remove-made.js';
import { writeVolumeFile } from '../config/volume-file.js';
import { DriveError, hasCode } from '../core/errors.js';
import { randomId } from '../core/random.js';
import { shellWord } from '../core/text/shell-word.js';
import type { CreatedVolume, CreateVolumeOptions } from '../drive-contract.js';
import { checkName } from '../meta/name-key.js';
import type { Operation } from '../meta/operations.js';
import { openMetaStore } from '../meta/sqlite-meta-store.js';
import {
  initializeNodeDirectory,
  inspectNodeDirectory,
  nodeAt,
  nodeFolderName,
  unfinishedPassportName,
  volumeAt,
} from '../node/node-directory.js';
import { passportFileName } from '../node/passport.js';
import { type DriveContext, systemContext } from './drive-context.js';
import { DriveEngine } from './drive-engine.js';
import { DriveEvents } from './drive-events.js';
import { holdVolume } from './drive-lock.js';
import { DriveNodes, type NodeToOpen } from './drive-nodes.js';
import { indexName, makeIndexFile } from './drive-rebuild.js';

const volumeFileName = 'volume.json';

export async function createVolume(
  options: CreateVolumeOptions,
  context: DriveContext = systemContext,
): Promise<CreatedVolume> {
  const directory = resolve(options.directory);
  const paths = options.nodes.map((path) => resolve(path));
  const name = options.name ?? basename(directory);
  validate(name, paths, options.replicas);
  const madeDirectory = await prepareDirectory(context, directory);
  const made: string[] = madeDirectory ? [directory] : [];
  try {
    const built = await build({ directory, paths, name, replicas: options.replicas, context, made });
    return { ...built, name };
  } catch (error) {
    await removeMade(made);
    throw error;
  }
}

function validate(name: string, paths: readonly string[], replicas: number): void {
  checkName(name);
  if (paths.length === 0)
    throw new DriveError('USAGE', {
      message: 'a volume needs at least one node',
      hint: 'name node directories with --node PATH',
    });
  if (!Number.isInteger(replicas) || replicas < 1)
    throw new DriveError('USAGE', { message: '--replicas must be 1 or more' });
  if (replicas > paths.length) {
    throw new DriveError('USAGE', {
      message: `${replicas} copies need ${replicas} nodes, and ${paths.length} were named`,
      hint: 'name more node directories with --node, best on different disks, or ask for fewer --replicas',
    });
  }
}

/** True when it had to be made. EXISTS when it holds a volume or anything else. */
async function prepareDirectory({ fileIo }: DriveContext, directory: string): Promise<boolean> {
  const stat = await fileIo.stat(directory);
  if (!stat) {
    const parent = await fileIo.stat(dirname(directory));
    if (parent?.kind !== 'folder') {
      throw new DriveError('NOT_FOUND', { message: `${dirname(directory)} is not a folder`, hint: 'make it first' });
    }
    await fileIo.makeFolder(directory);
    return true;
  }
  if (stat.kind !== 'folder')
    throw new DriveError('EXISTS', {
      message: `${directory} is not a folder`,
      hint: 'choose a folder that does not exist yet',
    });
  const items = (await fileIo.list(directory)).filter((item) => item.name !== 'lost+found');
  if (items.some((item) => item.name === volumeFileName)) {
    throw new DriveError('EXISTS', {
      message: `${directory} holds a volume already`,
      hint: `serve it: holdfast serve ${shellWord(directory)}`,
    });
  }
  if (items.length > 0)
    throw new DriveError('EXISTS', {
      message: `${directory} is not empty`,
      hint: 'choose an empty folder or one that does not exist yet',
    });
  return false;
}

interface Build {
  readonly directory: string;
  readonly paths: readonly string[];
  readonly name: string;
  readonly replicas: number;
  readonly context: DriveContext;
  /** What was made, for undoing, in order. */
  readonly made: string[];
}

async function build({ directory, paths, name, replicas, context, made }: Build): Promise<Omit<CreatedVolume, 'name'>> {
  const { clock, random, fileIo } = context;
  const id = randomId(random);
  for (const [index, path] of paths.entries()) {
    const otherPaths = [...paths.slice(0, index).map(nodeAt), volumeAt(directory)];
    const found = await inspectNodeDirectory(fileIo, path, { otherPaths });
    if (found.kind === 'node') {
      throw new DriveError('NODE_REFUSED', {
        message: `${path} belongs to another volume`,
        hint: 'choose another folder; to get that volume back, use holdfast rebuild',
      });
    }
  }
  const rows: NodeToOpen[] = [];
  for (const [index, path] of paths.entries()) {
    const node = randomId(random);
    const label = `node-${index + 1}`;
    const isNew = !(await fileIo.stat(path));
    if (isNew) made.push(path);
    else made.push(...[nodeFolderName(node), passportFileName, unfinishedPassportName].map((name) => join(path, name)));
    const passport = { volume: id, node, label, created: clock.now() };
    await initializeNodeDirectory(fileIo, path, { passport, otherPaths: paths.slice(0, index).map(nodeAt) });
    rows.push({ id: node, label, group: await groupAt(context, path, rows), weight: 1, role: 'active', path });
  }
  const lock = await holdVolume(context, directory, id);
  let availableBytes = 0;
  try {
    made.push(
      ...['volume.lock', indexName, `${indexName}-wal`, `${indexName}-shm`, volumeFileName].map((file) =>
        join(directory, file),
      ),
    );
    availableBytes = await writeFirstEpoch({ directory, context, rows, volume: { id, name, replicas } });
    await writeVolumeFile(fileIo, directory, {
      id,
      name,
      nodes: rows.map(({ id: node, label, path }) => ({ id: node, label, path })),
    });
  } finally {
    await lock.close();
  }
  return { id, availableBytes };
}

/** Nodes on one file system are lost together: they make one failure group. */
export async function groupAt(
  { fileIo, platform }: DriveContext,
  path: string,
  others: readonly { readonly path: string; readonly group: string }[],
): Promise<string> {
  const own = await fileIo.stat(path);
  if (platform.hasDeviceNumbers && own) {
    for (const other of others) {
      try {
        if ((await fileIo.stat(other.path))?.device === own.device) return other.group;
      } catch (error) {
        // A disk that is away is another disk.
        if (!hasCode(error, 'NODE_GONE', 'NODE_IO')) throw error;
      }
    }
  }
  const taken = new Set(others.map((other) => other.group));
  for (let number = 1; ; number++) if (!taken.has(`disk-${number}`)) return `disk-${number}`;
}

/** The room for files that there is, in bytes. */
async function writeFirstEpoch(input: {
  readonly directory: string;
  readonly context: DriveContext;
  readonly rows: readonly NodeToOpen[];
  readonly volume: { readonly id: string; readonly name: string; readonly replicas: number };
}): Promise<number> {
  const { directory, context, rows, volume } = input;
  const events = new DriveEvents(context.clock);
  const nodes = new DriveNodes(context, { volume: volume.id, report: () => undefined });
  await nodes.open(rows);
  const genesis: Operation[] = [
    { o: 'volume', ...volume, created: context.clock.now() },
    ...rows.map(
      ({ id, label, group, weight, role, path }): Operation => ({ o: 'node', id, label, group, weight, role, path }),
    ),
  ];
  await makeIndexFile(context.fileIo, join(directory, indexName));
  const meta = await openMetaStore({ file: join(directory, indexName), isAlone: true });
  try {
    const engine = await DriveEngine.open({ directory, context, nodes, events, volume, meta, genesis });
    const refused = engine.trouble;
    const { availableBytes = 0 } = engine.serving?.space() ?? {};
    await engine.close();
    if (refused) throw new DriveError('UNAVAILABLE', { message: refused.message, hint: refused.hint, cause: refused });
    return availableBytes;
  } finally {
    await meta.close();
    await nodes.close();
  }
}
