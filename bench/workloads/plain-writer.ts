/**
 * The limit line: the same bytes written as two copies into two plain files and fsynced, with no names, no index, no
 * checksums and no HTTP. What a disk can do at most for a server that keeps two durable copies.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachPiece } from '../client/unique-bytes.js';

export class TwoFiles {
  readonly #files: readonly FileHandle[];
  #position = 0;

  private constructor(files: readonly FileHandle[]) {
    this.#files = files;
  }

  static async create(folder: string): Promise<TwoFiles> {
    return new TwoFiles(await Promise.all(['first', 'second'].map((name) => open(join(folder, name), 'wx'))));
  }

  async append(bytes: Buffer): Promise<void> {
    const position = this.#position;
    this.#position += bytes.length;
    await Promise.all(this.#files.map((file) => file.write(bytes, 0, bytes.length, position)));
  }

  async sync(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.sync()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }
}

/** Milliseconds. */
export async function writeLargeTwice(folder: string, sizeBytes: number): Promise<number> {
  const files = await TwoFiles.create(folder);
  const startedAt = performance.now();
  await forEachPiece(sizeBytes, (piece) => files.append(piece));
  await files.sync();
  const tookMs = performance.now() - startedAt;
  await files.close();
  return tookMs;
}

/** Rounds of `clients` appends and one fsync of both files, until the time is over; appends per second. */
export async function appendSmall(
  folder: string,
  { clients, durationMs, makeBody }: { clients: number; durationMs: number; makeBody: () => Buffer },
): Promise<number> {
  const files = await TwoFiles.create(folder);
  const startedAt = performance.now();
  let appends = 0;
  while (performance.now() - startedAt < durationMs) {
    await Promise.all(Array.from({ length: clients }, () => files.append(makeBody())));
    await files.sync();
    appends += clients;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await files.close();
  return appends / seconds;
}
