/**
 * The passport: the file `holdfast-node.json` in a node's directory that proves which node of which volume lies there.
 * A directory without it, such as the bare mount point of an unplugged disk, is never written to. Read again and again,
 * from disks that anybody may have edited: bounded, checked field by field, bound by a checksum.
 */
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { DriveError, hasCode } from '../core/errors.js';
import type { FileIo, FileStat } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';

export const passportFileName = 'holdfast-node.json';
export const passportFormat = 1;
/** A passport with the longest label is far shorter. */
const limitBytes = 16 * 1024;
export const longestLabel = 200;

export interface Passport {
  /** 16 hex digits. */
  readonly volume: string;
  readonly node: NodeId;
  readonly label: string;
  /** Milliseconds since 1970. */
  readonly created: number;
}

const idPattern = /^[0-9a-f]{16}$/;

export function encodePassport(passport: Passport): Buffer {
  const { volume, node, label, created } = passport;
  const content = { format: passportFormat, volume, node, label, created, checksum: checksumOf(passport) };
  const bytes = Buffer.from(`${JSON.stringify(content, undefined, 2)}\n`);
  decodePassport(bytes);
  return bytes;
}

/** CORRUPT when it is ill-formed or its checksum does not match; NEWER_FORMAT. */
export function decodePassport(bytes: Buffer): Passport {
  const content = parseObject(bytes);
  const own = (key: string): unknown => (Object.hasOwn(content, key) ? content[key] : undefined);
  const format = own('format');
  if (!Number.isSafeInteger(format)) throw corruptPassport('format is missing');
  if ((format as number) > passportFormat) {
    throw new DriveError('NEWER_FORMAT', {
      message: `${passportFileName} was written by a newer version of holdfast`,
      details: { format },
    });
  }
  const [volume, node, label, created] = [own('volume'), own('node'), own('label'), own('created')];
  if (typeof volume !== 'string' || !idPattern.test(volume)) throw corruptPassport('volume is not an id');
  if (typeof node !== 'string' || !idPattern.test(node)) throw corruptPassport('node is not an id');
  if (typeof label !== 'string' || label.length > longestLabel) throw corruptPassport('label is not valid');
  if (!Number.isSafeInteger(created)) throw corruptPassport('created is not a time');
  const passport: Passport = { volume, node, label, created: created as number };
  if (own('checksum') !== checksumOf(passport)) throw corruptPassport('checksum does not match');
  return passport;
}

/**
 * The passport in the directory `path`, and the file it was read from. FILE_MISSING, I/O errors; CORRUPT and NEWER_FORMAT
 * with the path in the message.
 */
export async function readPassport(
  fileIo: FileIo,
  path: string,
): Promise<{ readonly passport: Passport; readonly stat: FileStat }> {
  const file = await fileIo.open(join(path, passportFileName), 'read');
  try {
    const stat = await file.stat();
    if (stat.sizeBytes > limitBytes) throw corruptPassport('too long');
    const buffer = Buffer.alloc(stat.sizeBytes);
    const length = await file.read(buffer, 0);
    return { passport: decodePassport(buffer.subarray(0, length)), stat };
  } catch (error) {
    if (!hasCode(error, 'CORRUPT', 'NEWER_FORMAT')) throw error;
    throw new DriveError(error.code, {
      message: `${path}: ${error.message}`,
      details: { ...error.details, path },
      hint: error.hint,
      cause: error,
    });
  } finally {
    await file.close();
  }
}

function parseObject(bytes: Buffer): Record<string, unknown> {
  if (bytes.length > limitBytes) throw corruptPassport('too long');
  let content: unknown;
  try {
    content = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw corruptPassport('not JSON', cause);
  }
  if (typeof content !== 'object' || content === null) throw corruptPassport('not an object');
  return content as Record<string, unknown>;
}

/** Of the fields as a JSON array, so that spacing and the order of keys do not matter. */
function checksumOf({ volume, node, label, created }: Passport): string {
  return hash('sha256', JSON.stringify([passportFormat, volume, node, label, created]), 'hex');
}

function corruptPassport(problem: string, cause?: unknown): DriveError {
  return new DriveError('CORRUPT', {
    message: `${passportFileName} is damaged: ${problem}`,
    details: { problem },
    cause,
    hint: `put ${passportFileName} back from a copy; what lies beside it is not touched`,
  });
}
