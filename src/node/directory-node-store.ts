/**
 * A node in a directory: the contract of node-store.ts over node-attachment.ts (who lies there) and bounded-file-io.ts
 * (deadlines). `release` ends the attachment and closes all files, so nothing written before can be appended to after.
 */
import { join } from 'node:path';
import { assert } from '../core/assert.js';
import type { Clock } from '../core/clock.js';
import { asDriveError, DriveError, hasCode } from '../core/errors.js';
import type { FileIo, OpenFile, SpaceInfo } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';
import type { SafetyParameters } from '../core/safety-parameters.js';
import { BoundedFileIo, type LateCall } from './bounded-file-io.js';
import { type Attachment, NodeAttachment, temporarySuffix } from './node-attachment.js';
import { nodeFolders } from './node-directory.js';
import type { NodeFolder, NodeStore, StoredFile } from './node-store.js';
import { OpenFiles } from './open-files.js';

export interface DirectoryNodeStoreOptions {
  /** The directory that holds the passport. */
  readonly path: string;
  readonly id: NodeId;
  readonly volume: string;
  readonly fileIo: FileIo;
  readonly clock: Clock;
  readonly safety: Pick<SafetyParameters, 'readDeadlineMs' | 'writeDeadlineMs'>;
  /** Told when a call that missed its deadline ends after all. */
  readonly onLate?: ((call: LateCall) => void) | undefined;
}

interface WrittenFile {
  readonly handle: OpenFile;
  readonly attachment: Attachment;
  isNameDurable: boolean;
  /** The first failure; every later write and sync gets it again. */
  failure?: DriveError;
}

/** Bounds the descriptors of a node. */
const readHandles = 64;
/** Enough to keep a disk busy; a node may hold a hundred thousand files. */
const statsAtOnce = 64;
const probeFileName = 'probe';

export class DirectoryNodeStore implements NodeStore {
  readonly id: NodeId;
  readonly canAppend = true;
  readonly #path: string;
  readonly #node: NodeAttachment;
  readonly #clock: Clock;
  readonly #io: FileIo;
  readonly #readFiles = new OpenFiles(readHandles);
  readonly #written = new Map<string, WrittenFile>();
  readonly #putting = new Set<string>();
  #swept: Attachment | undefined;
  #isClosed = false;

  private constructor(options: DirectoryNodeStoreOptions) {
    const { fileIo: inner, clock, safety, onLate } = options;
    this.id = options.id;
    this.#path = options.path;
    this.#clock = clock;
    this.#io = new BoundedFileIo({ inner, clock, onLate, ...safety });
    this.#node = new NodeAttachment({ ...options, io: this.#io });
  }

  /** Touches no disk: the node may be away. The first operation attaches it. */
  static async open(options: DirectoryNodeStoreOptions): Promise<DirectoryNodeStore> {
    return new DirectoryNodeStore(options);
  }

  async create(folder: NodeFolder, name: string): Promise<void> {
    const attachment = await this.#attach();
    const path = this.#node.filePath(folder, name);
    const handle = await this.#node.openFile(folder, path, 'create', attachment);
    if (this.#isClosed || !this.#node.isCurrent(attachment)) {
      await handle.close();
      throw this.#node.gone('released', 'the node left meanwhile');
    }
    this.#written.set(path, { handle, attachment, isNameDurable: false });
  }

  async write(folder: NodeFolder, name: string, position: number, buffers: readonly Buffer[]): Promise<void> {
    const file = this.#writtenFile(folder, name);
    await this.#finalFailure(file, () => file.handle.write(buffers, position));
  }

  async sync(folder: NodeFolder, name: string): Promise<void> {
    const file = this.#writtenFile(folder, name);
    await this.#finalFailure(file, async () => {
      await file.handle.sync();
      if (!file.isNameDurable) {
        await this.#node.inFolder(folder, () => this.#io.syncFolder(this.#node.folderPath(folder)));
        file.isNameDurable = true;
      }
      await this.#node.verify(file.attachment);
    });
  }

  async finish(folder: NodeFolder, name: string): Promise<void> {
    this.#requireOpen();
    const path = this.#node.filePath(folder, name);
    const file = this.#written.get(path);
    this.#written.delete(path);
    await file?.handle.close();
  }

  async read(folder: NodeFolder, name: string, position: number, lengthBytes: number): Promise<Buffer> {
    this.#requireOpen();
    const path = this.#node.filePath(folder, name);
    const buffer = Buffer.allocUnsafe(lengthBytes);
    const read = async (file: OpenFile) => buffer.subarray(0, await file.read(buffer, position));
    const written = this.#written.get(path);
    try {
      if (written) return await read(written.handle);
      return await this.#readFiles.use(path, () => this.#openToRead(folder, path), read);
    } catch (error) {
      // The handle was closed by `finish` or `release` while this waited: a fresh one, or the reason why there is none.
      if (!hasCode(error, 'CLOSED') || this.#isClosed) throw error;
      return this.#readFiles.use(path, () => this.#openToRead(folder, path), read);
    }
  }

  async list(folder: NodeFolder): Promise<StoredFile[]> {
    const attachment = await this.#attach();
    const items = await this.#node.inFolder(folder, () => this.#io.list(this.#node.folderPath(folder)));
    const names = items.filter(({ name, kind }) => kind === 'file' && !name.endsWith(temporarySuffix));
    const files: StoredFile[] = [];
    for (let first = 0; first < names.length; first += statsAtOnce) {
      const some = names.slice(first, first + statsAtOnce);
      const stats = await Promise.all(some.map(({ name }) => this.#io.stat(join(this.#node.folderPath(folder), name))));
      stats.forEach((stat, index) => {
        if (stat) files.push({ name: some[index]!.name, sizeBytes: stat.sizeBytes });
      });
    }
    // A disk that left half way makes files look removed: then this is not a listing but a failure.
    await this.#node.verify(attachment);
    return files;
  }

  async cut(folder: NodeFolder, name: string, lengthBytes: number): Promise<void> {
    const attachment = await this.#attach();
    const path = this.#node.filePath(folder, name);
    this.#requireUnwritten(path);
    this.#readFiles.drop(path);
    const file = await this.#node.openFile(folder, path, 'write', attachment);
    try {
      const { sizeBytes } = await file.stat();
      if (sizeBytes < lengthBytes) {
        throw new DriveError('CORRUPT', {
          message: `${path} has ${sizeBytes} of ${lengthBytes} bytes`,
          details: { path, sizeBytes, lengthBytes },
        });
      }
      await file.truncate(lengthBytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#node.verify(attachment);
  }

  async put(folder: NodeFolder, name: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    const attachment = await this.#attach();
    const path = this.#node.filePath(folder, name);
    this.#requireUnwritten(path);
    assert(!this.#putting.has(path), `two puts of ${path} at once`);
    this.#putting.add(path);
    const temporary = path + temporarySuffix;
    try {
      await this.#writeWhole(folder, temporary, content, attachment);
      await this.#node.verify(attachment);
      await this.#node.inFolder(folder, () => this.#io.rename(temporary, path));
      this.#readFiles.drop(path);
      await this.#node.inFolder(folder, () => this.#io.syncFolder(this.#node.folderPath(folder)));
      await this.#node.verify(attachment);
    } catch (error) {
      // The half-written file is unlinked by the next probe, when the node is seen to be well.
      this.#swept = undefined;
      throw error;
    } finally {
      this.#putting.delete(path);
    }
  }

  async move(from: NodeFolder, name: string, to: NodeFolder, newName: string): Promise<void> {
    const attachment = await this.#attach();
    const source = this.#node.filePath(from, name);
    const target = this.#node.filePath(to, newName);
    this.#requireUnwritten(source);
    await this.#node.verify(attachment);
    if (await this.#io.stat(target)) throw new DriveError('EXISTS', { details: { path: target } });
    await this.#node.inFolder(from, () => this.#io.rename(source, target));
    this.#readFiles.drop(source);
    // The new name first: after a power cut between the two the file bears both names or the old one, never none.
    await this.#node.inFolder(to, () => this.#io.syncFolder(this.#node.folderPath(to)));
    if (from !== to) await this.#node.inFolder(from, () => this.#io.syncFolder(this.#node.folderPath(from)));
    await this.#node.verify(attachment);
  }

  async remove(folder: 'attic', name: string): Promise<void> {
    assert(folder === 'attic', 'only files in the attic are unlinked');
    const attachment = await this.#attach();
    await this.#node.verify(attachment);
    const path = this.#node.filePath(folder, name);
    this.#readFiles.drop(path);
    await this.#node.inFolder(folder, () => this.#io.unlink(path));
    await this.#node.inFolder(folder, () => this.#io.syncFolder(this.#node.folderPath(folder)));
  }

  async probe(): Promise<SpaceInfo> {
    const attachment = await this.#attach();
    await this.#node.verify(attachment);
    await this.#writeProbe(attachment);
    if (this.#swept !== attachment) {
      this.#swept = attachment;
      await this.#sweepTemporaries();
    }
    return this.#io.space(this.#path);
  }

  async look(): Promise<void> {
    await this.#node.verify(await this.#attach());
  }

  async release(): Promise<void> {
    const written = [...this.#written.values()];
    this.#written.clear();
    this.#node.detach();
    const closing = [this.#readFiles.dropAll(), ...written.map(({ handle }) => handle.close())];
    const failed = (await Promise.allSettled(closing)).find((result) => result.status === 'rejected');
    if (failed) throw asDriveError(failed.reason);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #attach(): Promise<Attachment> {
    this.#requireOpen();
    return this.#node.attach();
  }

  async #openToRead(folder: NodeFolder, path: string): Promise<OpenFile> {
    return this.#node.openFile(folder, path, 'read', await this.#attach());
  }

  async #writeWhole(
    folder: NodeFolder,
    path: string,
    content: AsyncIterable<Buffer> | Iterable<Buffer>,
    attachment: Attachment,
  ): Promise<void> {
    await this.#unlinkIfThere(path);
    const file = await this.#node.openFile(folder, path, 'create', attachment);
    try {
      let position = 0;
      for await (const buffer of content) {
        await file.write([buffer], position);
        position += buffer.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #writeProbe(attachment: Attachment): Promise<void> {
    const path = join(this.#node.root, probeFileName);
    const isThere = (await this.#io.stat(path)) !== undefined;
    let file: OpenFile;
    try {
      file = await this.#io.open(path, isThere ? 'write' : 'create');
    } catch (error) {
      if (hasCode(error, 'FILE_MISSING')) throw this.#node.gone('folder', 'its folder is not there', error);
      throw error;
    }
    try {
      await this.#node.requireDevice(file, attachment);
      await file.write([Buffer.from(`${this.#clock.now()}\n`)], 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** What failed puts, or those of an earlier process, left half written. They never had their name: nothing counts on them. */
  async #sweepTemporaries(): Promise<void> {
    for (const folder of nodeFolders) {
      for (const { name } of await this.#node.inFolder(folder, () => this.#io.list(this.#node.folderPath(folder)))) {
        const path = join(this.#node.folderPath(folder), name);
        const isLeftOver = name.endsWith(temporarySuffix) && !this.#putting.has(path.slice(0, -temporarySuffix.length));
        if (isLeftOver) await this.#unlinkIfThere(path);
      }
    }
  }

  async #unlinkIfThere(path: string): Promise<void> {
    try {
      await this.#io.unlink(path);
    } catch (error) {
      if (!hasCode(error, 'FILE_MISSING')) throw error;
    }
  }

  #writtenFile(folder: NodeFolder, name: string): WrittenFile {
    this.#requireOpen();
    const path = this.#node.filePath(folder, name);
    const file = this.#written.get(path);
    if (!file) throw new DriveError('CLOSED', { message: `${path} is not open for writing`, details: { path } });
    return file;
  }

  async #finalFailure(file: WrittenFile, work: () => Promise<void>): Promise<void> {
    if (file.failure) throw file.failure;
    try {
      await work();
    } catch (error) {
      file.failure ??= asDriveError(error);
      throw error;
    }
  }

  #requireUnwritten(path: string): void {
    assert(!this.#written.has(path), `${path} is still being written`);
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new DriveError('CLOSED');
  }
}
