/**
 * A mark beside an index that was closed in order: how long its file is, and the CRC-32. SQLite does not notice most damage
 * in its own file, so an index is used only if it is as the mark says, or, where there is none (the process was killed),
 * after every row of it was verified. The mark is gone while the index is used.
 */
import { crc32 } from 'node:zlib';
import { hasCode } from '../../core/errors.js';
import type { FileIo } from '../../core/file-io.js';

export const markSuffix = '-closed';
/** What SQLite puts beside a database that is open. */
const besides = ['-wal', '-shm'] as const;
const markLimitBytes = 4096;
const stepBytes = 1024 * 1024;

/** 'unknown': there is no mark. The caller syncs the folder before it changes the index. */
export async function takeMark(fileIo: FileIo, file: string): Promise<'as it was left' | 'changed' | 'unknown'> {
  const mark = await readMark(fileIo, file + markSuffix);
  if (mark === undefined) return 'unknown';
  // A WAL that belongs to another moment would be replayed into it.
  for (const suffix of besides) if (await fileIo.stat(file + suffix)) return 'changed';
  if (mark !== (await markOf(fileIo, file))) return 'changed';
  await fileIo.unlink(file + markSuffix);
  return 'as it was left';
}

/** For an index that nobody has open; one that SQLite could not close in order gets none. */
export async function leaveMark(fileIo: FileIo, file: string): Promise<void> {
  for (const suffix of besides) if (await fileIo.stat(file + suffix)) return;
  if (await fileIo.stat(file + markSuffix)) await fileIo.unlink(file + markSuffix);
  const mark = await markOf(fileIo, file);
  const handle = await fileIo.open(file + markSuffix, 'create');
  try {
    await handle.write([Buffer.from(mark)], 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** One that does not verify itself says nothing. */
async function readMark(fileIo: FileIo, path: string): Promise<string | undefined> {
  try {
    const mark = (await fileIo.readWhole(path, markLimitBytes)).toString('utf8');
    const [line, check] = mark.split('#');
    return line !== undefined && check === checkOf(line) ? mark : undefined;
  } catch (error) {
    if (!hasCode(error, 'CORRUPT', 'FILE_MISSING')) throw error;
    return undefined;
  }
}

async function markOf(fileIo: FileIo, file: string): Promise<string> {
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
  const line = JSON.stringify({ sizeBytes, crc32: sum });
  return `${line}#${checkOf(line)}`;
}

const checkOf = (line: string): string => crc32(line).toString(16).padStart(8, '0');
