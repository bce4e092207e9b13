/**
 * A node in a directory: the contract of node-store.ts over node-attachment.ts (who lies there) and bounded-file-io.ts
 * (deadlines). `release` ends the attachment and closes all files, so nothing written before can be appended to after.
 */
import { dirname, join, sep } from 'node:path';
import { assert } from '../core/assert.js';
import type { Clock } from '../core/clock.js';
import { asDriveError, DriveError, hasCode } from '../core/errors.js';
import type { FileIo, OpenFile, SpaceInfo } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';
import { readBuffers } from '../core/memory/read-buffers.js';
import type { SafetyParameters } from '../core/safety-parameters.js';
import { BoundedFileIo, type LateCall } from './files/bounded-file-io.js';
import { type Attachment, NodeAttachment, temporarySuffix } from './files/node-attachment.js';
import { OpenFiles } from './files/open-files.js';
import { closedForWriting, WrittenFile } from './files/written-file.js';
import { nodeFolders } from './node-directory.js';
import type { NodeFolder, NodeStore, ReadOptions, StoredFile } from './node-store.js';

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

/** Bounds the descriptors of a node. */
const readHandles = 64;
/** Enough to keep a disk busy; a node may hold a hundred thousand files. */
const statsAtOnce = 64;
/** A long file goes to the disk while more of it comes, not all at its end. */
const syncAheadBytes = 16 * 1024 * 1024;
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
  #device: number | undefined;
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

  /** Number of the device that it lay on when last seen; undefined before, and where the platform has none. */
  get device(): number | undefined {
    return this.#device;
  }

  async create(folder: NodeFolder, name: string): Promise<void> {
    const attachment = await this.#attach();
    const path = this.#node.filePath(folder, name);
    const syncFolder = () => this.#syncFolder(folder);
    const file = await WrittenFile.create({ node: this.#node, folder, path, attachment, syncFolder });
    // Checked after the last wait: what `release` did not see would stay open and could be written to later.
    if (this.#isClosed || !this.#node.isCurrent(attachment)) {
      await file.close();
      throw this.#node.gone('released', 'the node left meanwhile');
    }
    this.#written.set(path, file);
  }

  async write(folder: NodeFolder, name: string, position: number, buffers: readonly Buffer[]): Promise<void> {
    await this.#writtenFile(folder, name).write(position, buffers);
  }

  async sync(folder: NodeFolder, name: string): Promise<void> {
    await this.#writtenFile(folder, name).sync();
  }

  async finish(folder: NodeFolder, name: string): Promise<void> {
    this.#requireOpen();
    const path = this.#node.filePath(folder, name);
    const file = this.#written.get(path);
    this.#written.delete(path);
    await file?.close();
  }

  async read(
    folder: NodeFolder,
    name: string,
    position: number,
    lengthBytes: number,
    { cold = false }: ReadOptions = {},
  ): Promise<Buffer> {
    this.#requireOpen();
    const path = this.#node.filePath(folder, name);
    const buffer = readBuffers.take(lengthBytes);
    const written = this.#written.get(path);
    const lengthRead =
      (await this.#readWritten(written, buffer, position)) ??
      (await (cold ? this.#readCold : this.#readStored).call(this, folder, path, buffer, position));
    return buffer.subarray(0, lengthRead);
  }

  async list(folder: NodeFolder): Promise<StoredFile[]> {
    const attachment = await this.#attach();
    const folderPath = this.#node.folderPath(folder);
    const start = folderPath + sep;
    const items = await this.#node.inFolder(folder, () => this.#io.list(folderPath));
    const names = items.filter(({ name, kind }) => kind === 'file' && !name.endsWith(temporarySuffix));
    const files: StoredFile[] = [];
    for (let first = 0; first < names.length; first += statsAtOnce) {
      const some = names.slice(first, first + statsAtOnce);
      const stats = await Promise.all(some.map(({ name }) => this.#io.stat(start + name)));
      stats.forEach((stat, index) => {
        if (stat) files.push({ name: some[index]!.name, sizeBytes: stat.sizeBytes });
      });
    }
    // A disk that left half way makes files look removed: then this is not a listing but a failure.
    await this.#node.glance(attachment);
    // A file that somebody deleted reads well as long as it is open.
    const found = new Set(files.map(({ name }) => start + name));
    this.#readFiles.dropWhere((path) => dirname(path) === folderPath && !found.has(path));
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
      await this.#syncFolder(folder);
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
    await this.#syncFolder(to);
    if (from !== to) await this.#syncFolder(from);
    await this.#node.verify(attachment);
  }

  async remove(folder: 'attic', name: string): Promise<void> {
    assert(folder === 'attic', 'only files in the attic are unlinked');
    const attachment = await this.#attach();
    await this.#node.verify(attachment);
    const path = this.#node.filePath(folder, name);
    this.#readFiles.drop(path);
    await this.#node.inFolder(folder, () => this.#io.unlink(path));
    await this.#syncFolder(folder);
  }

  async probe(): Promise<SpaceInfo> {
    const attachment = await this.#attach('verified');
    await this.#writeProbe(attachment);
    if (this.#swept !== attachment) {
      this.#swept = attachment;
      await this.#sweepTemporaries();
    }
    return this.#io.space(this.#path);
  }

  async look(): Promise<void> {
    await this.#node.verifyRoot(await this.#attach('verified'));
  }

  async release(): Promise<void> {
    const written = [...this.#written.values()];
    this.#written.clear();
    this.#node.detach();
    const closing = [this.#readFiles.dropAll(), ...written.map((file) => file.close())];
    const failed = (await Promise.allSettled(closing)).find((result) => result.status === 'rejected');
    if (failed) throw asDriveError(failed.reason);
  }

  async idle(): Promise<void> {
    this.#requireOpen();
    await Promise.all([this.#readFiles.dropAll(), ...[...this.#written.values()].map((file) => file.rest())]);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #attach(how: 'attach' | 'verified' = 'attach'): Promise<Attachment> {
    this.#requireOpen();
    const attachment = await this.#node[how]();
    this.#device = attachment.device || undefined;
    return attachment;
  }

  async #readWritten(file: WrittenFile | undefined, buffer: Buffer, position: number): Promise<number | undefined> {
    try {
      return await file?.read(buffer, position);
    } catch (error) {
      // Its handle was closed by `finish` or `release` while this waited: then it is read like any other.
      if (hasCode(error, 'CLOSED') && !this.#isClosed) return undefined;
      throw error;
    }
  }

  #readStored(folder: NodeFolder, path: string, buffer: Buffer, position: number): Promise<number> {
    const open = () => this.#openToRead(folder, path);
    return this.#readFiles.use(path, open, (file) => file.read(buffer, position));
  }

  /** Such reads are large and seldom: their file is not kept open. */
  async #readCold(folder: NodeFolder, path: string, buffer: Buffer, position: number): Promise<number> {
    const file = await this.#node.openFile(folder, path, 'cold', await this.#attach());
    try {
      return await file.read(buffer, position);
    } finally {
      await file.close();
    }
  }

  #syncFolder(folder: NodeFolder): Promise<void> {
    return this.#node.inFolder(folder, () => this.#io.syncFolder(this.#node.folderPath(folder)));
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
      let syncedEnd = 0;
      let syncing: Promise<unknown> = Promise.resolve();
      for await (const buffer of content) {
        await file.write([buffer], position);
        position += buffer.length;
        if (position - syncedEnd < syncAheadBytes) continue;
        // A failure is final, whichever fsync it was.
        const failure = await syncing;
        if (failure !== undefined) throw failure;
        syncedEnd = position;
        syncing = file.sync().catch((error: unknown) => error);
      }
      const failure = await syncing;
      if (failure !== undefined) throw failure;
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
    if (!file) throw closedForWriting(path);
    return file;
  }

  #requireUnwritten(path: string): void {
    assert(!this.#written.has(path), `${path} is still being written`);
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new DriveError('CLOSED');
  }
}
