/**
 * FileIo on simulated disks. Paths lead through a table of mount points; where a disk is not plugged in, its mount point
 * is an empty folder of the system's own disk, on which every write is counted: there must be none. An effect happens
 * when its completion is chosen, so calls in flight at the same time take effect in any order.
 */
import { DriveError } from '../../src/core/errors.js';
import type { FileIo, FileStat, FolderItem, OpenFile, OpenMode, SpaceInfo } from '../../src/core/file-io.js';
import { systemPlatform } from '../../src/core/platform.js';
import { translateSystemError } from '../../src/core/system-errors.js';
import { type FaultedOperation, isProbe, type SimDisk, SimFolder, type SimItem } from './sim-disk.js';
import type { SimFile } from './sim-file.js';
import type { SimScheduler } from './sim-scheduler.js';

const errnos: Readonly<Record<string, number>> = {
  ENOENT: 2,
  EIO: 5,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  ENOSPC: 28,
  EROFS: 30,
  ENOTEMPTY: 39,
};

function failure(code: string, path: string, syscall: string): DriveError {
  const error = Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, errno: -errnos[code]!, syscall });
  return translateSystemError(error, path, systemPlatform);
}

/** Where the disks are plugged in; it outlives processes. */
export class SimMounts {
  readonly system: SimDisk;
  readonly #points = new Map<string, { disk: SimDisk; isPlugged: boolean }>();
  /** Files and folders made, written or renamed on the system's disk below a mount point: must stay empty. */
  readonly bareWrites: string[] = [];

  constructor(system: SimDisk) {
    this.system = system;
  }

  /** `path`: one level below the root, such as `/a`. */
  plug(path: string, disk: SimDisk): void {
    if (!this.system.root.names.has(path.slice(1))) {
      this.system.root.change({ name: path.slice(1), item: this.system.newFolder() });
      this.system.root.sync();
    }
    disk.mounting++;
    this.#points.set(path, { disk, isPlugged: true });
  }

  unplug(path: string): void {
    const point = this.#points.get(path)!;
    point.isPlugged = false;
    point.disk.mounting++;
  }

  isPlugged(path: string): boolean {
    return this.#points.get(path)?.isPlugged ?? false;
  }

  /** The disk that a path lies on, and the names from its root. */
  locate(path: string): { disk: SimDisk; names: readonly string[]; isBare: boolean } {
    const names = namesOf(path);
    const point = this.#points.get(`/${names[0] ?? ''}`);
    if (point?.isPlugged) return { disk: point.disk, names: names.slice(1), isBare: false };
    return { disk: this.system, names, isBare: point !== undefined };
  }
}

const rareFolder = /\/(attic|checkpoints)\//;

const knownPaths = new Map<string, readonly string[]>();

function namesOf(path: string): readonly string[] {
  const known = knownPaths.get(path);
  if (known) return known;
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  if (knownPaths.size > 5_000) knownPaths.clear();
  knownPaths.set(path, names);
  return names;
}

export class SimFileIo implements FileIo {
  readonly #mounts: SimMounts;
  readonly #scheduler: SimScheduler;
  operations = 0;
  /** Calls that changed something that means something. */
  changes = 0;
  /** Not empty after a change of a kind that is rare: a name, or in a folder that is seldom written to. */
  readonly rareChanges = new Set<'yes'>();
  /** Paths of files that are open now. */
  readonly openFiles = new Set<{ readonly path: string }>();

  constructor(mounts: SimMounts, scheduler: SimScheduler) {
    this.#mounts = mounts;
    this.#scheduler = scheduler;
  }

  open(path: string, mode: OpenMode): Promise<OpenFile> {
    return this.call(path, 'open', 'open', () => {
      const { disk, folder, name } = this.#parent(path, 'open');
      const existing = folder.names.get(name);
      if (mode === 'create') {
        if (existing) throw failure('EEXIST', path, 'open');
        this.#noteBareWrite(path);
        const file = disk.newFile();
        folder.change({ name, item: file });
        return new SimOpenFile(this, path, disk, file);
      }
      if (!existing) throw failure('ENOENT', path, 'open');
      if (existing.kind === 'folder') throw failure('EISDIR', path, 'open');
      return new SimOpenFile(this, path, disk, existing);
    });
  }

  async readWhole(path: string, limitBytes: number): Promise<Buffer> {
    const file = await this.open(path, 'read');
    try {
      const { sizeBytes } = await file.stat();
      if (sizeBytes > limitBytes) throw new DriveError('CORRUPT', { details: { path } });
      const buffer = Buffer.alloc(sizeBytes);
      return buffer.subarray(0, await file.read(buffer, 0));
    } finally {
      await file.close();
    }
  }

  stat(path: string): Promise<FileStat | undefined> {
    // As on real systems, it succeeds on a disk that reads and writes nothing any more.
    return this.#scheduler.complete(() => {
      this.operations++;
      const { disk, names } = this.#mounts.locate(path);
      const item = find(disk, names);
      return item && statOf(item, disk);
    });
  }

  list(path: string): Promise<FolderItem[]> {
    return this.call(path, 'read', 'scandir', () =>
      [...this.#folder(path, 'scandir').names].map(([name, { kind }]) => ({ name, kind })),
    );
  }

  rename(from: string, to: string): Promise<void> {
    return this.call(from, 'name', 'rename', () => {
      const source = this.#parent(from, 'rename');
      const target = this.#parent(to, 'rename');
      const item = source.folder.names.get(source.name);
      if (!item) throw failure('ENOENT', from, 'rename');
      this.#noteBareWrite(to);
      if (source.folder === target.folder) {
        target.folder.change({ name: target.name, item, replaces: source.name });
        return;
      }
      const arrival = target.folder.change({ name: target.name, item });
      source.folder.change({ name: source.name, item: null, onlyAfter: arrival });
    });
  }

  unlink(path: string): Promise<void> {
    return this.call(path, 'name', 'unlink', () => {
      const { folder, name } = this.#parent(path, 'unlink');
      if (!folder.names.has(name)) throw failure('ENOENT', path, 'unlink');
      folder.change({ name, item: null });
    });
  }

  makeFolder(path: string): Promise<void> {
    return this.call(path, 'name', 'mkdir', () => {
      const { disk, folder, name } = this.#parent(path, 'mkdir');
      if (folder.names.has(name)) throw failure('EEXIST', path, 'mkdir');
      this.#noteBareWrite(path);
      folder.change({ name, item: disk.newFolder() });
    });
  }

  syncFolder(path: string): Promise<void> {
    return this.call(path, 'sync', 'fsync', () => {
      const folder = this.#folder(path, 'fsync');
      if (!this.#mounts.locate(path).disk.isLying) folder.sync();
    });
  }

  space(path: string): Promise<SpaceInfo> {
    return this.call(path, 'read', 'statfs', () => {
      const { disk } = this.#mounts.locate(path);
      const totalBytes = disk.capacityBytes ?? 1024 * 1024 * 1024;
      return { totalBytes, freeBytes: Math.max(0, totalBytes - disk.usedBytes), freeInodes: 1_000_000 };
    });
  }

  /** Runs one call on the disk that the path lies on, meeting the faults that are planned there. */
  call<T>(
    path: string,
    operation: Exclude<FaultedOperation, 'any'>,
    syscall: string,
    work: () => T,
    onFault: () => void = () => undefined,
  ): Promise<T> {
    const { disk } = this.#mounts.locate(path);
    const kind = disk.fault(operation);
    if (kind === 'hang') return new Promise<T>(() => undefined);
    return this.#scheduler.complete(() => {
      this.operations++;
      if (operation !== 'read' && operation !== 'open' && !isProbe(path)) {
        this.changes++;
        if (operation === 'name' || rareFolder.test(path)) this.rareChanges.add('yes');
      }
      if (kind === undefined) return work();
      onFault();
      throw failure(kind, path, syscall);
    });
  }

  #noteBareWrite(path: string): void {
    if (this.#mounts.locate(path).isBare) this.#mounts.bareWrites.push(path);
  }

  #parent(path: string, syscall: string): { disk: SimDisk; folder: SimFolder; name: string } {
    const { disk, names } = this.#mounts.locate(path);
    const parent = find(disk, names.slice(0, -1));
    if (!parent) throw failure('ENOENT', path, syscall);
    if (!(parent instanceof SimFolder)) throw failure('ENOTDIR', path, syscall);
    return { disk, folder: parent, name: names.at(-1) ?? '' };
  }

  #folder(path: string, syscall: string): SimFolder {
    const { disk, names } = this.#mounts.locate(path);
    const item = find(disk, names);
    if (!item) throw failure('ENOENT', path, syscall);
    if (!(item instanceof SimFolder)) throw failure('ENOTDIR', path, syscall);
    return item;
  }
}

class SimOpenFile implements OpenFile {
  readonly #io: SimFileIo;
  readonly #path: string;
  readonly #disk: SimDisk;
  readonly #file: SimFile;
  readonly #mounting: number;
  #isClosed = false;

  constructor(io: SimFileIo, path: string, disk: SimDisk, file: SimFile) {
    this.#io = io;
    this.#path = path;
    this.#disk = disk;
    this.#file = file;
    this.#mounting = disk.mounting;
    io.openFiles.add(this);
  }

  read(buffer: Buffer, position: number): Promise<number> {
    return this.#call('read', () => this.#file.read(buffer, position));
  }

  write(buffers: readonly Buffer[], position: number): Promise<void> {
    // The bytes leave when the call is made; a caller that changes them afterwards is wrong, and found.
    const bytes = Buffer.concat(buffers);
    return this.#call('write', () => {
      const growth = position + bytes.length - this.#file.sizeBytes;
      const { capacityBytes } = this.#disk;
      if (capacityBytes !== undefined && growth > 0 && this.#disk.usedBytes + growth > capacityBytes) {
        // What still fits is written: a short write, then the error.
        const left = Math.max(0, capacityBytes - this.#disk.usedBytes);
        this.#file.write(position, bytes.subarray(0, Math.min(bytes.length, left)));
        throw failure('ENOSPC', this.#path, 'write');
      }
      this.#file.write(position, bytes);
    });
  }

  sync(): Promise<void> {
    return this.#call(
      'sync',
      () => {
        if (this.#disk.isLying) this.#file.promise();
        else this.#file.sync();
      },
      () => this.#file.failSync(),
    );
  }

  truncate(lengthBytes: number): Promise<void> {
    return this.#call('write', () => this.#file.truncate(lengthBytes));
  }

  stat(): Promise<FileStat> {
    return this.#call('open', () => statOf(this.#file, this.#disk));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#io.openFiles.delete(this);
  }

  get path(): string {
    return this.#path;
  }

  #call<T>(operation: 'read' | 'write' | 'sync' | 'open', work: () => T, onFault?: () => void): Promise<T> {
    if (this.#isClosed) return Promise.reject(new DriveError('CLOSED', { details: { path: this.#path } }));
    const alive = () => {
      if (this.#disk.mounting !== this.#mounting) throw failure('EIO', this.#path, operation);
      return work();
    };
    return this.#io.call(this.#path, operation, operation, alive, onFault);
  }
}

function find(disk: SimDisk, names: readonly string[]): SimItem | undefined {
  let item: SimItem | undefined = disk.root;
  for (const name of names) {
    if (item?.kind !== 'folder') return undefined;
    item = item.names.get(name);
  }
  return item;
}

function statOf(item: SimItem, disk: SimDisk): FileStat {
  const sizeBytes = item.kind === 'file' ? item.sizeBytes : 0;
  const changedMs = item.kind === 'file' ? item.changes : 1;
  return { kind: item.kind, sizeBytes, device: disk.device, inode: item.inode, changedMs };
}
