/**
 * `volume.json` in the volume's directory: which nodes to look for and where they lay on this machine. Only a hint: no
 * truth lives in it. Passports say who a node is, the journal says who belongs to the volume; a lost or stale file
 * costs a `rebuild` or a `--node` option, never data.
 */
import { join } from 'node:path';
import { DriveError, hasCode } from '../core/errors.js';
import type { FileIo } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';
import { shellWord } from '../core/text/shell-word.js';

export interface VolumeFile {
  /** 16 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly nodes: readonly VolumeFileNode[];
  readonly givenUp?: GivenUp | undefined;
}

/** What a person said when the index was made anew: these nodes are lost for good. It holds until the history goes on. */
export interface GivenUp {
  readonly nodes: readonly NodeId[];
  /** Hash of the last batch that the new index held. */
  readonly after: string;
}

export interface VolumeFileNode {
  readonly id: NodeId;
  readonly label: string;
  /** Absolute. */
  readonly path: string;
}

const fileName = 'volume.json';
const format = 1;
/** Some thousands of nodes; far more than there can be. */
const limitBytes = 1024 * 1024;

/**
 * FILE_MISSING when the directory holds no volume, NEWER_FORMAT, CORRUPT when it cannot be understood (both of the
 * others with the way on as `hint`).
 */
export async function readVolumeFile(io: FileIo, directory: string): Promise<VolumeFile> {
  const path = join(directory, fileName);
  const bytes = await readBytes(io, path, directory);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw unreadable(path, directory, 'it is not JSON', error);
  }
  if (!isRecord(value)) throw unreadable(path, directory, 'it is not an object');
  if (typeof value.format === 'number' && value.format > format) {
    throw new DriveError('NEWER_FORMAT', {
      message: `${path} has format ${value.format}; this program knows ${format}`,
      details: { path, format: value.format },
      hint: 'use the version of holdfast that this volume was last used with, or a newer one',
    });
  }
  if (value.format !== format) throw unreadable(path, directory, 'its format is not a number that was ever used');
  if (!isId(value.id)) throw unreadable(path, directory, 'its volume id is not valid');
  if (!isText(value.name)) throw unreadable(path, directory, 'its name is not valid');
  if (!Array.isArray(value.nodes) || !value.nodes.every(isNode)) {
    throw unreadable(path, directory, 'its list of nodes is not valid');
  }
  const nodes = value.nodes.map(({ id, label, path }) => ({ id, label, path }));
  const givenUp = isGivenUp(value.givenUp) ? { givenUp: value.givenUp } : {};
  return { id: value.id, name: value.name, nodes, ...givenUp };
}

/** Atomic and durable: after a crash the file is the old or the new one. The directory must exist. */
export async function writeVolumeFile(io: FileIo, directory: string, file: VolumeFile): Promise<void> {
  const { id, name, nodes, givenUp } = file;
  const plain = { format, id, name, nodes: nodes.map(({ id, label, path }) => ({ id, label, path })), givenUp };
  await replaceJson(io, { directory, fileName, value: plain });
}

/** As above, for any file of the volume's directory. */
export async function replaceJson(
  io: FileIo,
  { directory, fileName, value }: { readonly directory: string; readonly fileName: string; readonly value: object },
): Promise<void> {
  const path = join(directory, fileName);
  const temporary = `${path}.new`;
  await removeLeftover(io, temporary);
  const handle = await io.open(temporary, 'create');
  try {
    await handle.write([Buffer.from(`${JSON.stringify(value, null, 2)}\n`)], 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await io.rename(temporary, path);
  await io.syncFolder(directory);
}

/** Of a write that a crash cut off; only the process that holds the volume writes here. */
async function removeLeftover(io: FileIo, path: string): Promise<void> {
  try {
    await io.unlink(path);
  } catch (error) {
    if (!hasCode(error, 'FILE_MISSING')) throw error;
  }
}

async function readBytes(io: FileIo, path: string, directory: string): Promise<Buffer> {
  try {
    return await io.readWhole(path, limitBytes);
  } catch (error) {
    if (hasCode(error, 'CORRUPT')) throw unreadable(path, directory, 'it is too long', error);
    if (!hasCode(error, 'FILE_MISSING')) throw error;
    throw new DriveError('FILE_MISSING', {
      message: `there is no volume at ${directory}`,
      details: { path },
      cause: error,
      hint: `make one with: holdfast init ${shellWord(directory)} --node PATH, or bring one back from its nodes with: ${rebuild(directory)}`,
    });
  }
}

function unreadable(path: string, directory: string, reason: string, cause?: unknown): DriveError {
  return new DriveError('CORRUPT', {
    message: `${path} cannot be understood: ${reason}`,
    details: { path },
    cause,
    hint: `nothing is lost: the nodes hold everything; make it again with: ${rebuild(directory)}`,
  });
}

const rebuild = (directory: string): string => `holdfast rebuild ${shellWord(directory)} --node PATH`;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{16}$/.test(value);

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && !value.includes('\0');

const isNode = (value: unknown): value is VolumeFileNode =>
  isRecord(value) && isId(value.id) && typeof value.label === 'string' && isText(value.path);

const isGivenUp = (value: unknown): value is GivenUp =>
  isRecord(value) && Array.isArray(value.nodes) && value.nodes.every(isId) && typeof value.after === 'string';
