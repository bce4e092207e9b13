/**
 * A file that this opening of the store made and writes by position. The first failure is final: every later write and
 * sync gets it again, and nothing is retried. While idle its handle may be closed; the next write opens it again only
 * under the same attachment and only when it is the same file with the same length, else it fails.
 */
import { asDriveError, DriveError } from '../../core/errors.js';
import type { FileStat, OpenFile } from '../../core/file-io.js';
import type { NodeFolder } from '../node-store.js';
import type { Attachment, NodeAttachment } from './node-attachment.js';

export interface WrittenFileOptions {
  readonly node: NodeAttachment;
  readonly folder: NodeFolder;
  readonly path: string;
  readonly attachment: Attachment;
  /** Makes the names in the file's folder durable. */
  readonly syncFolder: () => Promise<void>;
}

export class WrittenFile {
  readonly #options: WrittenFileOptions;
  readonly #inode: number;
  #handle: Promise<OpenFile> | undefined;
  #endBytes = 0;
  #isNameDurable = false;
  /** Writes so far, and those that the last good sync covered. */
  #writes = 0;
  #syncedWrites = -1;
  #active = 0;
  #failure: DriveError | undefined;

  private constructor(options: WrittenFileOptions, handle: OpenFile, inode: number) {
    this.#options = options;
    this.#handle = Promise.resolve(handle);
    this.#inode = inode;
  }

  static async create(options: WrittenFileOptions): Promise<WrittenFile> {
    const { node, folder, path, attachment } = options;
    const handle = await node.openFile(folder, path, 'create', attachment);
    try {
      return new WrittenFile(options, handle, (await handle.stat()).inode);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  write(position: number, buffers: readonly Buffer[]): Promise<void> {
    return this.#attempt(async (handle) => {
      this.#writes += 1;
      const lengthBytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
      this.#endBytes = Math.max(this.#endBytes, position + lengthBytes);
      await handle.write(buffers, position);
    });
  }

  sync(): Promise<void> {
    const { node, attachment, syncFolder } = this.#options;
    return this.#attempt(async (handle) => {
      const covered = this.#writes;
      const makeDurable = async () => {
        await handle.sync();
        if (this.#isNameDurable) return;
        await syncFolder();
        this.#isNameDurable = true;
      };
      // The handle stays on the disk that it was opened on; whether that is still the node is asked beside the fsync.
      await Promise.all([makeDurable(), node.glance(attachment)]);
      this.#syncedWrites = Math.max(this.#syncedWrites, covered);
    });
  }

  /** Reads through the handle that writes, so that what was just written is seen; undefined when that is closed. */
  async read(buffer: Buffer, position: number): Promise<number | undefined> {
    // Counted, so that an idle node does not close it in between.
    this.#active += 1;
    try {
      return await (await this.#handle)?.read(buffer, position);
    } finally {
      this.#active -= 1;
    }
  }

  /** Closes the handle unless something is in use, or not synced and still to be: a failed file keeps no disk busy. */
  async rest(): Promise<void> {
    const isDirty = this.#syncedWrites !== this.#writes && !this.#failure;
    if (isDirty || this.#active > 0) return;
    await this.close();
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await (await handle)?.close();
  }

  async #attempt(work: (handle: OpenFile) => Promise<void>): Promise<void> {
    if (this.#failure) throw this.#failure;
    this.#active += 1;
    try {
      this.#handle ??= this.#reopen().catch((error: unknown) => {
        this.#handle = undefined;
        throw error;
      });
      await work(await this.#handle);
    } catch (error) {
      this.#failure ??= asDriveError(error);
      throw error;
    } finally {
      this.#active -= 1;
    }
  }

  async #reopen(): Promise<OpenFile> {
    const { node, folder, path, attachment } = this.#options;
    if (!node.isCurrent(attachment)) throw closedForWriting(path);
    await node.verify(attachment);
    const handle = await node.openFile(folder, path, 'write', attachment);
    const stat = await handle.stat();
    if (this.#isUnchanged(stat) && node.isCurrent(attachment)) return handle;
    await handle.close();
    throw new DriveError('NODE_IO', { message: `${path} was changed by something else`, details: { path, ...stat } });
  }

  #isUnchanged({ inode, sizeBytes }: FileStat): boolean {
    return inode === this.#inode && sizeBytes === this.#endBytes;
  }
}

export function closedForWriting(path: string): DriveError {
  return new DriveError('CLOSED', { message: `${path} is not open for writing`, details: { path } });
}
