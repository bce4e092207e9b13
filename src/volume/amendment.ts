/**
 * Partial updates: the content before, with some bytes replaced. The upload goes on with the old content up to the first
 * new byte, takes the body, and goes on with the old content behind it; whole chunks are referred to and never read.
 */
import { DriveError } from '../core/errors.js';
import type { MetaReader } from '../meta/meta-store.js';
import type { UploadSession } from './upload-session.js';
import type { Amendment, ContentReader } from './volume.js';

/** Bodies up to this size are gathered before their turn comes, so that a slow sender of a few bytes holds up nobody. */
const gatheredBytes = 256 * 1024;
const zeros = Buffer.alloc(64 * 1024);

export async function gatherShortBody(amendment: Amendment): Promise<Amendment> {
  if (amendment.sizeBytes > gatheredBytes) return amendment;
  const parts: Buffer[] = [];
  for await (const bytes of amendment.body) parts.push(bytes);
  return { ...amendment, body: inOrder(parts) };
}

async function* inOrder(parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}

/** `base` stays open until the upload was put: its chunks are referred to. INCOMPLETE_BODY. */
export async function writeAmended(
  upload: UploadSession,
  input: {
    readonly base: ContentReader;
    readonly reader: Pick<MetaReader, 'contentChunks'>;
    readonly amendment: Amendment;
  },
): Promise<void> {
  const { base, reader, amendment } = input;
  const { from, offset, sizeBytes, body, signal } = amendment;
  const start = from === 'start' ? offset : Math.max(0, base.sizeBytes - offset);
  const end = start + sizeBytes;
  const source = {
    read: (range: { start: number; end: number }) => base.read(range, signal ? { signal } : {}),
    references: (first: number, count: number) =>
      reader
        .contentChunks(base.entry.content!, first, count)
        .map(({ chunk, plainBytes }) => [chunk, plainBytes] as const),
  };
  upload.expect(Math.max(end, base.sizeBytes));
  await upload.copy(source, { start: 0, end: Math.min(start, base.sizeBytes) });
  for (let hole = start - base.sizeBytes; hole > 0; hole -= zeros.length) await upload.write(zeros.subarray(0, hole));
  let comeBytes = 0;
  for await (const bytes of body) {
    comeBytes += bytes.length;
    await upload.write(bytes);
  }
  if (comeBytes !== sizeBytes) throw new DriveError('INCOMPLETE_BODY');
  if (end < base.sizeBytes) await upload.copy(source, { start: end, end: base.sizeBytes });
}
