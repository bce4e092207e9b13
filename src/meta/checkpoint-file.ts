/**
 * A checkpoint as a file on a node: a header line, the state as operations in key order (operation-codec.ts), and a
 * last line with the hash of everything before it. The same bytes on every node. Specified in docs/format.md,
 * "Checkpoints".
 */
import { createHash, type Hash } from 'node:crypto';
import { DriveError } from '../core/errors.js';
import type { Tip } from './rows.js';

export interface CheckpointHeader extends Tip {
  /** Volume id. */
  readonly volume: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

const format = 1;
const headerLimitBytes = 4096;

/** The file's bytes around the operations. */
export async function* encodeCheckpoint(
  header: CheckpointHeader,
  operations: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const { volume, sequence, epoch, time } = header;
  const first = Buffer.from(
    `${JSON.stringify({ o: 'checkpoint', format, volume, sequence, hash: header.hash, epoch, time })}\n`,
  );
  hash.update(first);
  yield first;
  for await (const bytes of operations) {
    hash.update(bytes);
    yield bytes;
  }
  yield Buffer.from(`${JSON.stringify({ o: 'end', hash: hash.digest('hex') })}\n`);
}

/**
 * Reads a checkpoint in pieces that end with a line; `operations` gets each. The header comes back only when the whole
 * file verified: what was handed on before must be thrown away when this rejects. CORRUPT, NEWER_FORMAT.
 */
export async function decodeCheckpoint(
  pieces: AsyncIterable<Buffer>,
  onOperations: (bytes: Buffer, header: CheckpointHeader) => Promise<void>,
): Promise<CheckpointHeader> {
  const hash = createHash('sha256');
  let header: CheckpointHeader | undefined;
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    if (!header) {
      const end = rest.indexOf(0x0a) + 1;
      if (end === 0 && rest.length < headerLimitBytes) continue;
      header = parseHeader(rest.subarray(0, Math.max(end, 0)));
      hash.update(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    // The last line is the trailer: one whole line always stays behind.
    const lastLine = rest.lastIndexOf(0x0a, rest.length - 2) + 1;
    if (lastLine > 0) {
      hash.update(rest.subarray(0, lastLine));
      await onOperations(rest.subarray(0, lastLine), header);
      rest = rest.subarray(lastLine);
    }
  }
  if (!header) throw new DriveError('CORRUPT', { message: 'the checkpoint has no header' });
  assertTrailer(rest, hash);
  return header;
}

function parseHeader(line: Buffer): CheckpointHeader {
  const value = parseLine(line);
  if (value?.o !== 'checkpoint') throw new DriveError('CORRUPT', { message: 'the checkpoint has no header' });
  if (typeof value.format === 'number' && value.format > format)
    throw new DriveError('NEWER_FORMAT', { details: { format: value.format } });
  const { volume, sequence, epoch, hash, time } = value;
  const valid =
    value.format === format &&
    typeof volume === 'string' &&
    Number.isSafeInteger(sequence) &&
    typeof epoch === 'string' &&
    typeof hash === 'string' &&
    /^[0-9a-f]{64}$/.test(hash) &&
    Number.isSafeInteger(time);
  if (!valid) throw new DriveError('CORRUPT', { message: 'the header of the checkpoint is not valid' });
  return { volume, sequence: sequence as number, epoch, hash, time: time as number };
}

function assertTrailer(line: Buffer, hash: Hash): void {
  const value = parseLine(line);
  if (value?.o !== 'end' || value.hash !== hash.digest('hex')) {
    throw new DriveError('CORRUPT', { message: 'the checkpoint is not whole' });
  }
}

function parseLine(line: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // Not JSON: the caller says what is missing.
  }
}
