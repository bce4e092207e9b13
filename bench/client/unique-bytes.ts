/**
 * Bytes that no compression shrinks and that never come twice: equal chunks are stored once, so a benchmark that sends
 * the same bytes again would measure nothing. Random bytes are made once; each 64 KiB of them gets a new number before
 * they go out, which costs the client almost nothing.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { BodySource } from './connection.js';

export const pieceBytes = 256 * 1024;
const stampEveryBytes = 64 * 1024;
/** Pieces that may be in flight: none is changed before the system has taken it. */
const ringPieces = 16;

let pool: Buffer | undefined;
// Unique across runs too: a volume may be kept.
let stamp = BigInt(Date.now()) << 20n;

function piecePool(): Buffer {
  pool ??= randomBytes(ringPieces * pieceBytes);
  return pool;
}

/** Piece `index` of a ring, new bytes each time; the last one may be shorter. */
function freshPiece(index: number, sizeBytes: number): Buffer {
  const start = (index % ringPieces) * pieceBytes;
  const piece = piecePool().subarray(start, start + sizeBytes);
  for (let at = 0; at + 8 <= piece.length; at += stampEveryBytes) {
    stamp += 1n;
    piece.writeBigUInt64LE(stamp, at);
  }
  return piece;
}

/** A buffer of its own, for small bodies. */
export function uniqueBuffer(sizeBytes: number): Buffer {
  return Buffer.from(freshPiece(0, sizeBytes));
}

/** Hands out all pieces in order, at most half a ring of them at once; `take` resolves when its piece is free again. */
export async function forEachPiece(sizeBytes: number, take: (piece: Buffer) => Promise<void>): Promise<void> {
  const underway: Promise<void>[] = [];
  const count = Math.ceil(sizeBytes / pieceBytes);
  for (let index = 0; index < count; index += 1) {
    underway.push(take(freshPiece(index, Math.min(pieceBytes, sizeBytes - index * pieceBytes))));
    if (underway.length >= ringPieces / 2) await underway.shift();
  }
  await Promise.all(underway);
}

export function uniqueBody(sizeBytes: number): BodySource {
  const send = (socket: Socket) =>
    forEachPiece(
      sizeBytes,
      (piece) =>
        new Promise((resolve, reject) => {
          socket.write(piece, (error) => (error ? reject(error) : resolve()));
        }),
    );
  return { sizeBytes, send };
}
