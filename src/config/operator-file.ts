/**
 * `operator.json` in the volume's directory: what its operator wants on this machine, and what is no part of the volume.
 * Where notices go, which nodes may be unplugged until when, and whose disks may sleep. Lost, it costs nothing but these.
 * A webhook's address may hold a secret, so it is never logged and the file is its owner's alone (0600). Whoever can write
 * it could have a command run as this account: a target in a file that others may write does not count.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '../core/errors.js';
import type { FileIo } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';
import { replaceJson } from './volume-file.js';

export interface OperatorFile {
  readonly notices: NoticeTarget | null;
  /** Maintenance windows: until when a node may be gone, milliseconds since 1970. */
  readonly windows: Readonly<Record<NodeId, number>>;
  /** Nodes whose disks may spin down while nobody uses them. */
  readonly sleepy: readonly NodeId[];
}

export type NoticeTarget =
  /** A program and its parameters; no shell. */
  { readonly command: readonly string[] } | { readonly webhook: string };

const fileName = 'operator.json';
const format = 1;
const limitBytes = 1024 * 1024;

export const emptyOperatorFile: OperatorFile = { notices: null, windows: {}, sleepy: [] };

/** What cannot be understood counts as not set: `onTrouble` is told why, in words. */
export async function readOperatorFile(
  io: FileIo,
  directory: string,
  onTrouble: (problem: string) => void,
): Promise<OperatorFile> {
  const path = join(directory, fileName);
  try {
    const value: unknown = JSON.parse((await io.readWhole(path, limitBytes)).toString('utf8'));
    if (isRecord(value) && value.format === format) {
      const notices = noticesIn(value.notices);
      const others = { windows: windowsIn(value.windows), sleepy: namesIn(value.sleepy) };
      const stranger = notices && (await othersWho(path));
      if (!stranger) return { notices, ...others };
      onTrouble(
        `${path} ${stranger}: notices are not set; look at it, "chmod 600" it, and set them with "holdfast notify"`,
      );
      return { notices: null, ...others };
    }
    onTrouble(`${path} is not of this version: notices, maintenance windows and sleeping disks are not set`);
  } catch (error) {
    if (hasCode(error, 'FILE_MISSING')) return emptyOperatorFile;
    onTrouble(`${path} cannot be read: notices, maintenance windows and sleeping disks are not set`);
  }
  return emptyOperatorFile;
}

/** Atomic and durable. */
export function writeOperatorFile(io: FileIo, directory: string, file: OperatorFile): Promise<void> {
  return replaceJson(io, { directory, fileName, value: { format, ...file } });
}

/** Why the file is not this account's (or root's) alone to write, in words; undefined when it is. */
async function othersWho(path: string): Promise<string | undefined> {
  const account = process.getuid?.();
  if (account === undefined) return undefined;
  const { uid, mode } = await stat(path);
  if (uid !== account && uid !== 0) return 'belongs to another account';
  return (mode & 0o022) === 0 ? undefined : 'can be written by other accounts';
}

function noticesIn(value: unknown): NoticeTarget | null {
  if (!isRecord(value)) return null;
  const { command, webhook } = value;
  if (Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === 'string')) {
    return { command };
  }
  return typeof webhook === 'string' ? { webhook } : null;
}

function windowsIn(value: unknown): Readonly<Record<NodeId, number>> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [NodeId, number] => Number.isSafeInteger(entry[1])),
  );
}

const namesIn = (value: unknown): readonly NodeId[] =>
  Array.isArray(value) ? value.filter((name) => typeof name === 'string') : [];

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
