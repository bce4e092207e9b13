/** A file beyond 4 GiB and a folder of 10,000, through a mount. */
import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import type { DavClient } from '../../tools/dav-client.js';
import { GiB, MiB } from '../../tools/requirements.js';
import type { MountedDrive } from './mounted-drive.js';

export const bigFileBytes = 5 * GiB;
/** The mount's cache holds the whole file when it is read back. The drive does not: equal chunks are stored once. */
export const freeBytesForBigFile = 8 * GiB;

const pieceBytes = 4 * MiB;
/** Bytes that differ: around the sizes that 32 bits can count, signed and not, and at both ends. */
const marks = [0, 2 * GiB - 5, 4 * GiB - 7, bigFileBytes - 8].map((offset, index) => ({
  offset,
  bytes: Buffer.from(`mark ${index}..`),
}));

/** 5 GiB: holes, which the client sends as zeros, with some bytes in between. */
export async function writeBigFile(drive: MountedDrive, name: string): Promise<void> {
  const file = await open(drive.path(name), 'w');
  try {
    await file.truncate(bigFileBytes);
    for (const { offset, bytes } of marks) await file.write(bytes, 0, bytes.length, offset);
  } finally {
    await file.close();
  }
}

/** Every byte. */
export async function checkBigFile(drive: MountedDrive, name: string): Promise<void> {
  const file = await open(drive.path(name), 'r');
  try {
    assert.equal((await file.stat()).size, bigFileBytes);
    const piece = Buffer.alloc(pieceBytes);
    for (let offset = 0; offset < bigFileBytes; offset += pieceBytes) {
      await readWhole(file, piece, offset);
      assert.ok(piece.equals(expectedPiece(offset)), `differs within ${pieceBytes} bytes from ${offset} on`);
    }
  } finally {
    await file.close();
  }
}

async function readWhole(file: Awaited<ReturnType<typeof open>>, piece: Buffer, position: number): Promise<void> {
  for (let filled = 0; filled < piece.length; ) {
    const { bytesRead } = await file.read(piece, filled, piece.length - filled, position + filled);
    assert.ok(bytesRead > 0, `the file ends at ${position + filled}`);
    filled += bytesRead;
  }
}

const zeros = Buffer.alloc(pieceBytes);

function expectedPiece(start: number): Buffer {
  const near = marks.filter(({ offset, bytes }) => offset + bytes.length > start && offset < start + pieceBytes);
  if (near.length === 0) return zeros;
  const piece = Buffer.alloc(pieceBytes);
  for (const { offset, bytes } of near) {
    for (const [index, byte] of bytes.entries()) {
      const at = offset + index - start;
      if (at >= 0 && at < pieceBytes) piece[at] = byte;
    }
  }
  return piece;
}

export const nameOf = (index: number): string => `file ${String(index).padStart(5, '0')}.txt`;

/** Makes a folder with this many files, each with its name as content, past the client under test. Their names, sorted. */
export async function putMany(witness: DavClient, folder: string, count: number): Promise<string[]> {
  await witness.must('MKCOL', `${folder}/`);
  const names = Array.from({ length: count }, (_, index) => nameOf(index));
  const left = [...names];
  const putOnes = async (): Promise<void> => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      await witness.must('PUT', `${folder}/${name}`, { body: Buffer.from(name) });
    }
  };
  await Promise.all(Array.from({ length: 24 }, putOnes));
  return names;
}
