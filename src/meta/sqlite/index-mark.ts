/**
 * A mark beside an index that was closed in order: how long its file is, the CRC-32, and when the system last saw it
 * change. SQLite does not notice most damage in its own file, so an index is used only if it is as the mark says. A file
 * that nobody has changed since is not read for that: its rows prove themselves when they are read, and all of them are
 * read while the index serves. The mark is gone while the index is used.
 */
import { crc32 } from 'node:zlib';
import { hasCode } from '../../core/errors.js';
import type { FileIo, FileStat } from '../../core/file-io.js';

export const markSuffix = '-closed';
/** What SQLite puts beside a database that is open. */
const besides = ['-wal', '-shm'] as const;
const markLimitBytes = 4096;
const stepBytes = 1024 * 1024;

/** The state of a file as the system tells it. */
export interface FileState {
  readonly sizeBytes: number;
  readonly inode: number;
  readonly changedMs: number;
}

interface ClosedMark extends Partial<FileState> {
  readonly sizeBytes: number;
  readonly crc32: number;
}

/**
 * 'untouched': nobody has changed it since. 'same': its bytes are those that were left (it was copied, say). 'unknown': there
 * is no mark. The caller syncs the folder before it changes the index.
 */
export async function takeMark(fileIo: FileIo, file: string): Promise<'untouched' | 'same' | 'changed' | 'unknown'> {
  const mark = parseMark<ClosedMark>(await readMark(fileIo, file + markSuffix));
  if (mark === undefined) return 'unknown';
  // A WAL that belongs to another moment would be replayed into it.
  for (const suffix of besides) if (await fileIo.stat(file + suffix)) return 'changed';
  const isUntouched = isStateOf(mark, await fileIo.stat(file));
  if (!isUntouched && !isSame(mark, await bytesOf(fileIo, file))) return 'changed';
  await fileIo.unlink(file + markSuffix);
  return isUntouched ? 'untouched' : 'same';
}

/** For an index that nobody has open; one that SQLite could not close in order gets none. */
export async function leaveMark(fileIo: FileIo, file: string): Promise<void> {
  for (const suffix of besides) if (await fileIo.stat(file + suffix)) return;
  if (await fileIo.stat(file + markSuffix)) await fileIo.unlink(file + markSuffix);
  const bytes = await bytesOf(fileIo, file);
  const mark: ClosedMark = { ...bytes, ...stateOf(await fileIo.stat(file)) };
  const handle = await fileIo.open(file + markSuffix, 'create');
  try {
    await handle.write([Buffer.from(markText(mark))], 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** undefined when it is absent or too long. */
export async function readMark(fileIo: FileIo, path: string): Promise<string | undefined> {
  try {
    return (await fileIo.readWhole(path, markLimitBytes)).toString('utf8');
  } catch (error) {
    if (!hasCode(error, 'CORRUPT', 'FILE_MISSING')) throw error;
    return undefined;
  }
}

/** Text that verifies itself. */
export function markText(mark: object): string {
  const line = JSON.stringify(mark);
  return `${line}#${checkOf(line)}`;
}

/** One that does not verify itself says nothing. */
export function parseMark<T extends object>(text: string | undefined): T | undefined {
  const [line, check] = text?.trimEnd().split('#') ?? [];
  return line !== undefined && check === checkOf(line) ? (JSON.parse(line) as T) : undefined;
}

export function stateOf(stat: FileStat | undefined): FileState | undefined {
  return stat && { sizeBytes: stat.sizeBytes, inode: stat.inode, changedMs: stat.changedMs };
}

export function isStateOf(noted: Partial<FileState>, now: FileState | undefined): boolean {
  return (
    now !== undefined &&
    noted.sizeBytes === now.sizeBytes &&
    noted.inode === now.inode &&
    noted.changedMs === now.changedMs
  );
}

const isSame = (mark: ClosedMark, now: ClosedMark) => mark.sizeBytes === now.sizeBytes && mark.crc32 === now.crc32;

async function bytesOf(fileIo: FileIo, file: string): Promise<ClosedMark> {
  const handle = await fileIo.open(file, 'read');
  const buffer = Buffer.allocUnsafe(stepBytes);
  let sizeBytes = 0;
  let sum = 0;
  try {
    for (let count = -1; count !== 0; sizeBytes += count) {
      count = await handle.read(buffer, sizeBytes);
      sum = crc32(buffer.subarray(0, count), sum);
    }
  } finally {
    await handle.close();
  }
  return { sizeBytes, crc32: sum };
}

const checkOf = (line: string): string => crc32(line).toString(16).padStart(8, '0');
