/** How a file is cut and how a piece is named. Lengths are stored with every chunk, so the cut may become variable. */
import { hash } from 'node:crypto';
import type { ChunkId } from '../core/ids.js';

/** Length of every chunk of a file but the last: long enough that a file of a gigabyte has a thousand rows. */
export const chunkBytes = 1024 * 1024;

/** Unit of checksums inside a record: a small range of a chunk costs a read of this size. */
export const blockBytes = 64 * 1024;

/** Longest chunk a record may carry; bounds what a reader allocates for an untrusted length. */
export const longestChunkBytes = 16 * 1024 * 1024;

/** Lower-case hex SHA-256 of the plain bytes. */
export function chunkId(plain: Buffer): ChunkId {
  return hash('sha256', plain, 'hex');
}
