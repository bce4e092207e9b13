/**
 * FileIo on node:fs, with the callback calls on descriptors: fs.promises costs an object and a hop more for each read,
 * write and fsync. Errors come out as core/system-errors.ts translates them.
 */
import * as fs from 'node:fs';
import { DriveError } from './errors.js';
import type { FileIo, FileStat, FolderItem, OpenFile, OpenMode, SpaceInfo } from './file-io.js';
import { alignedRun, withAlignedMemory } from './memory/aligned-memory.js';
import { type Platform, systemPlatform } from './platform.js';
import { translateSystemError } from './system-errors.js';

type Done<T> = (error: NodeJS.ErrnoException | null, value?: T) => void;

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
/** Windows has none; `refuseLink` stands in for it there. */
const noFollow = fs.constants.O_NOFOLLOW as number | undefined;
/** Past the system's cache. macOS and Windows have none that Node knows. */
const direct = fs.constants.O_DIRECT as number | undefined;
const openFlags: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY | (noFollow ?? 0),
  cold: O_RDONLY | (noFollow ?? 0) | (direct ?? 0),
  write: O_RDWR | (noFollow ?? 0),
  create: O_RDWR | O_CREAT | O_EXCL | (noFollow ?? 0),
};
/** What lies on a node is as private as the files in it. */
const fileMode = 0o600;
const folderMode = 0o700;

export class SystemFileIo implements FileIo {
  readonly #platform: Platform;

  constructor(platform: Platform = systemPlatform) {
    this.#platform = platform;
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    if (mode === 'cold') return this.#openCold(path);
    return this.#openWarm(path, mode);
  }

  async #openCold(path: string): Promise<OpenFile> {
    const openWarm = () => this.#openWarm(path, 'read');
    if (direct === undefined) return openWarm();
    try {
      const descriptor = await this.#call<number>(path, (done) => fs.open(path, openFlags.cold, done));
      return new SystemColdFile(path, descriptor, this.#platform, openWarm);
    } catch (error) {
      if (isUnsuited(error)) return openWarm();
      throw error;
    }
  }

  async #openWarm(path: string, mode: Exclude<OpenMode, 'cold'>): Promise<SystemOpenFile> {
    if (noFollow === undefined && mode !== 'create') await this.#refuseLink(path);
    const descriptor = await this.#call<number>(path, (done) => fs.open(path, openFlags[mode], fileMode, done));
    return new SystemOpenFile(path, descriptor, this.#platform);
  }

  async readWhole(path: string, limitBytes: number): Promise<Buffer> {
    const file = await this.open(path, 'read');
    try {
      const { sizeBytes } = await file.stat();
      if (sizeBytes > limitBytes) throw tooLarge(path, limitBytes);
      // One byte more than expected, so that a file growing meanwhile is noticed instead of cut.
      const buffer = Buffer.allocUnsafe(sizeBytes + 1);
      const length = await file.read(buffer, 0);
      if (length > sizeBytes) throw tooLarge(path, sizeBytes);
      return buffer.subarray(0, length);
    } finally {
      await file.close();
    }
  }

  async stat(path: string): Promise<FileStat | undefined> {
    try {
      return toFileStat(await this.#call<fs.Stats>(path, (done) => fs.stat(path, done)), this.#platform);
    } catch (error) {
      if (error instanceof DriveError && absentNames.has(error.details.errnoName)) return undefined;
      throw error;
    }
  }

  async list(path: string): Promise<FolderItem[]> {
    const items = await this.#call<fs.Dirent[]>(path, (done) => fs.readdir(path, { withFileTypes: true }, done));
    return items.map((item) => ({ name: item.name, kind: kindOf(item) }));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call(from, (done) => fs.rename(from, to, done));
  }

  unlink(path: string): Promise<void> {
    return this.#call(path, (done) => fs.unlink(path, done));
  }

  makeFolder(path: string): Promise<void> {
    return this.#call(path, (done) => fs.mkdir(path, folderMode, done));
  }

  async syncFolder(path: string): Promise<void> {
    if (!this.#platform.canSyncFolders) return;
    const descriptor = await this.#call<number>(path, (done) => fs.open(path, O_RDONLY, done));
    try {
      await this.#call<void>(path, (done) => fs.fsync(descriptor, done));
    } finally {
      await this.#call<void>(path, (done) => fs.close(descriptor, done));
    }
  }

  async space(path: string): Promise<SpaceInfo> {
    const info = await this.#call<fs.StatsFs>(path, (done) => fs.statfs(path, done));
    return {
      totalBytes: info.blocks * info.bsize,
      freeBytes: info.bavail * info.bsize,
      // btrfs, FAT and Windows count no inodes and report 0 of 0; rclone's mounts report none free of a billion.
      freeInodes: info.files > 0 && !isUncounted(info) ? info.ffree : Number.POSITIVE_INFINITY,
    };
  }

  async #refuseLink(path: string): Promise<void> {
    const stat = await this.#call<fs.Stats>(path, (done) => fs.lstat(path, done));
    if (!stat.isSymbolicLink()) return;
    throw new DriveError('NODE_IO', { message: `a symbolic link lies at ${path}`, details: { path } });
  }

  #call<T>(path: string, start: (done: Done<T>) => void): Promise<T> {
    return call(path, this.#platform, start);
  }
}

class SystemOpenFile implements OpenFile {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #platform: Platform;
  #inFlight = 0;
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  constructor(path: string, descriptor: number, platform: Platform) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.#platform = platform;
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    let total = 0;
    while (total < buffer.length) {
      const count = await this.readOnce(buffer.subarray(total), position + total);
      if (count === 0) break;
      total += count;
    }
    return total;
  }

  protected readOnce(buffer: Buffer, position: number): Promise<number> {
    return this.#call<number>((done) => fs.read(this.#descriptor, buffer, 0, buffer.length, position, done));
  }

  async write(buffers: readonly Buffer[], position: number): Promise<void> {
    let left = buffers.filter((buffer) => buffer.length > 0);
    let at = position;
    while (left.length > 0) {
      const pending = left;
      const count = await this.#call<number>((done) => fs.writev(this.#descriptor, pending, at, done));
      if (count === 0) throw new DriveError('NODE_IO', { message: `a write to ${this.#path} took no bytes` });
      at += count;
      left = dropBytes(pending, count);
    }
  }

  sync(): Promise<void> {
    return this.#call((done) => fs.fsync(this.#descriptor, done));
  }

  truncate(lengthBytes: number): Promise<void> {
    return this.#call((done) => fs.ftruncate(this.#descriptor, lengthBytes, done));
  }

  async stat(): Promise<FileStat> {
    return toFileStat(await this.#call<fs.Stats>((done) => fs.fstat(this.#descriptor, done)), this.#platform);
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeWhenIdle();
    return this.#closing;
  }

  /**
   * Calls in flight keep the descriptor: closed beneath a write that still waits in the thread pool, its number could
   * be given to another file, and the write would land there.
   */
  async #closeWhenIdle(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await call<void>(this.#path, this.#platform, (done) => fs.close(this.#descriptor, done));
  }

  async #call<T>(start: (done: Done<T>) => void): Promise<T> {
    if (this.#closing !== undefined) throw new DriveError('CLOSED', { details: { path: this.#path } });
    this.#inFlight += 1;
    try {
      return await call(this.#path, this.#platform, start);
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#idle?.();
    }
  }
}

/** Reads through aligned memory; a file system that cannot do it after all is read as any other. */
class SystemColdFile extends SystemOpenFile {
  readonly #openWarm: () => Promise<SystemOpenFile>;
  #warm: SystemOpenFile | undefined;

  constructor(path: string, descriptor: number, platform: Platform, openWarm: () => Promise<SystemOpenFile>) {
    super(path, descriptor, platform);
    this.#openWarm = openWarm;
  }

  override async read(buffer: Buffer, position: number): Promise<number> {
    if (this.#warm) return this.#warm.read(buffer, position);
    try {
      return await withAlignedMemory((memory) => {
        if (memory === undefined) throw new DriveError('NODE_IO', { details: { errnoName: 'EINVAL' } });
        return this.#readThrough(memory, buffer, position);
      });
    } catch (error) {
      if (!isUnsuited(error)) throw error;
    }
    this.#warm = await this.#openWarm();
    return this.#warm.read(buffer, position);
  }

  override async close(): Promise<void> {
    await Promise.all([super.close(), this.#warm?.close()]);
  }

  async #readThrough(memory: Buffer, buffer: Buffer, position: number): Promise<number> {
    let total = 0;
    while (total < buffer.length) {
      const { start, skip, length } = alignedRun(position + total, buffer.length - total);
      const count = await this.readOnce(memory.subarray(0, length), start);
      total += memory.copy(buffer, total, skip, Math.max(skip, count));
      // The end of the file: from there on no position is a multiple of anything.
      if (count < length) break;
    }
    return total;
  }
}

/** The file system refuses such reads, or these positions. */
function isUnsuited(error: unknown): boolean {
  return error instanceof DriveError && ['EINVAL', 'EOPNOTSUPP', 'ENOTSUP'].includes(String(error.details.errnoName));
}

export const systemFileIo: FileIo = new SystemFileIo();

export interface FolderWatchOptions {
  /** A name came, went or was renamed in the folder; also the folder's own name. undefined where the system does not say. */
  readonly onName: (name: string | undefined) => void;
  /** At most once; nothing is told afterwards. */
  readonly onError: (error: DriveError) => void;
}

/**
 * Watches one folder, by one watch of the system however many files it holds. Throws as the calls of FileIo do when it
 * cannot be watched. Keeps no process alive. `close` is idempotent, and nothing is told after it.
 */
export function watchFolder(path: string, { onName, onError }: FolderWatchOptions): { close(): void } {
  let watcher: fs.FSWatcher;
  try {
    watcher = fs.watch(path, { persistent: false });
  } catch (error) {
    throw translateSystemError(error as NodeJS.ErrnoException, path, systemPlatform);
  }
  watcher.on('change', (event, name) => {
    if (event === 'rename') onName(typeof name === 'string' ? name : undefined);
  });
  watcher.on('error', (error) => {
    watcher.close();
    onError(translateSystemError(error as NodeJS.ErrnoException, path, systemPlatform));
  });
  return { close: () => watcher.close() };
}

/** What f_type says of file systems in user space. */
const fuseType = 0x65735546;

/** A file system in user space that says no inode is free hardly ever knows; when it is true, making a file fails. */
const isUncounted = ({ type, ffree }: fs.StatsFs): boolean => type === fuseType && ffree === 0;

const absentNames: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR']);

function call<T>(path: string, platform: Platform, start: (done: Done<T>) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, value) => {
      if (error) reject(translateSystemError(error, path, platform));
      else resolve(value as T);
    });
  });
}

function dropBytes(buffers: readonly Buffer[], count: number): Buffer[] {
  let skip = count;
  let index = 0;
  while (index < buffers.length && skip >= buffers[index]!.length) {
    skip -= buffers[index]!.length;
    index += 1;
  }
  const left = buffers.slice(index);
  if (skip > 0) left[0] = left[0]!.subarray(skip);
  return left;
}

function toFileStat(stat: fs.Stats, platform: Platform): FileStat {
  return {
    kind: kindOf(stat),
    sizeBytes: stat.size,
    device: platform.hasDeviceNumbers ? stat.dev : 0,
    inode: stat.ino,
    changedMs: stat.ctimeMs,
  };
}

function kindOf(item: { isFile(): boolean; isDirectory(): boolean }): FolderItem['kind'] {
  if (item.isFile()) return 'file';
  return item.isDirectory() ? 'folder' : 'other';
}

function tooLarge(path: string, limitBytes: number): DriveError {
  return new DriveError('CORRUPT', { message: `${path} is longer than ${limitBytes} bytes`, details: { path } });
}
