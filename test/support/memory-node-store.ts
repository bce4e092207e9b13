/**
 * A node in memory, with planned faults and a log of what was asked of it. It enforces the contract's prohibitions
 * itself: a byte written twice, a write to a finished file and a retried fsync are failures of the test.
 */
import assert from 'node:assert/strict';
import { DriveError, type ErrorCode } from '../../src/core/errors.js';
import type { SpaceInfo } from '../../src/core/file-io.js';
import type { NodeId } from '../../src/core/ids.js';
import type { NodeFolder, NodeStore, StoredFile } from '../../src/node/node-store.js';

export type NodeOperation = 'create' | 'write' | 'sync' | 'finish' | 'read' | 'list' | 'cut' | 'put' | 'move' | 'probe';

export interface PlannedFault {
  readonly operation: NodeOperation;
  /** What happens: an error, a call that never ends (`wake` ends it), or half of a write and then an error. */
  readonly effect: ErrorCode | 'hang' | 'torn';
  /** Only for files whose name includes it. */
  readonly name?: string;
  /** Calls to let pass first; default 0. */
  readonly after?: number;
}

export interface LogEntry {
  readonly operation: NodeOperation;
  readonly name: string;
  readonly phase: 'start' | 'end';
  readonly position: number;
  readonly lengthBytes: number;
}

interface MemoryFile {
  bytes: Buffer;
  lengthBytes: number;
  durableBytes: number;
  isFinished: boolean;
  syncFailed: boolean;
}

interface ArmedFault extends PlannedFault {
  passes: number;
  isUsed: boolean;
}

export class MemoryNodeStore implements NodeStore {
  readonly id: NodeId;
  readonly canAppend = true;
  readonly log: LogEntry[] = [];
  /** Broken prohibitions; `assertSound` fails on any. */
  readonly violations: string[] = [];
  /** Awaited at the start of each operation, so that tests can shuffle who is first. */
  delay: () => Promise<void> = async () => undefined;
  space: SpaceInfo = { totalBytes: 2 ** 40, freeBytes: 2 ** 40, freeInodes: Number.POSITIVE_INFINITY };
  readonly #files = new Map<string, MemoryFile>();
  readonly #faults: ArmedFault[] = [];
  readonly #sleepers: (() => void)[] = [];
  #isClosed = false;

  constructor(id: NodeId) {
    this.id = id;
  }

  plan(...faults: PlannedFault[]): void {
    for (const fault of faults) this.#faults.push({ ...fault, passes: fault.after ?? 0, isUsed: false });
  }

  /** Ends the calls that hang, with NODE_GONE. */
  wake(): void {
    for (const end of this.#sleepers.splice(0)) end();
  }

  /** Planned faults were used, and nothing forbidden was done. */
  assertSound(): void {
    const unused = this.#faults
      .filter(({ isUsed }) => !isUsed)
      .map(({ operation, effect }) => `${operation} ${effect}`);
    assert.deepEqual(unused, [], 'planned faults that never happened');
    assert.deepEqual(this.violations, []);
  }

  /** Contents as they lie there. */
  bytesOf(folder: NodeFolder, name: string): Buffer {
    const file = this.#existing(folder, name);
    return file.bytes.subarray(0, file.lengthBytes);
  }

  durableBytesOf(folder: NodeFolder, name: string): number {
    return this.#existing(folder, name).durableBytes;
  }

  names(folder: NodeFolder): string[] {
    return [...this.#files.keys()]
      .filter((key) => key.startsWith(`${folder}/`))
      .map((key) => key.slice(folder.length + 1));
  }

  /** Flips a bit. */
  damage(folder: NodeFolder, name: string, position: number): void {
    const { bytes, lengthBytes } = this.#existing(folder, name);
    assert.ok(position < lengthBytes, 'damage inside the file');
    bytes[position]! ^= 1;
  }

  shorten(folder: NodeFolder, name: string, lengthBytes: number): void {
    this.#existing(folder, name).lengthBytes = lengthBytes;
  }

  lose(folder: NodeFolder, name: string): void {
    assert.ok(this.#files.delete(`${folder}/${name}`));
  }

  async create(folder: NodeFolder, name: string): Promise<void> {
    await this.#run('create', name, 0, 0, () => {
      if (this.#files.has(`${folder}/${name}`)) throw new DriveError('EXISTS');
      this.#files.set(`${folder}/${name}`, newFile(Buffer.alloc(0)));
    });
  }

  async write(folder: NodeFolder, name: string, position: number, buffers: readonly Buffer[]): Promise<void> {
    const bytes = Buffer.concat(buffers);
    await this.#run('write', name, position, bytes.length, (isTorn) => {
      const file = this.#existing(folder, name);
      if (file.isFinished) this.violations.push(`write to the finished ${name}`);
      if (position < file.lengthBytes) this.violations.push(`${name}: written twice at ${position}`);
      const taken = isTorn ? bytes.subarray(0, bytes.length / 2) : bytes;
      extend(file, position + taken.length);
      taken.copy(file.bytes, position);
      if (isTorn) throw new DriveError('NODE_IO', { message: 'torn write' });
    });
  }

  async sync(folder: NodeFolder, name: string): Promise<void> {
    const file = this.#existing(folder, name);
    if (file.syncFailed) this.violations.push(`${name}: fsync after a failed fsync`);
    if (file.isFinished) this.violations.push(`${name}: fsync of a finished file`);
    const covered = file.lengthBytes;
    try {
      await this.#run('sync', name, 0, covered, () => {
        file.durableBytes = Math.max(file.durableBytes, covered);
      });
    } catch (error) {
      file.syncFailed = true;
      throw error;
    }
  }

  async finish(folder: NodeFolder, name: string): Promise<void> {
    await this.#run('finish', name, 0, 0, () => {
      const file = this.#files.get(`${folder}/${name}`);
      if (file) file.isFinished = true;
    });
  }

  async read(folder: NodeFolder, name: string, position: number, lengthBytes: number): Promise<Buffer> {
    let bytes = Buffer.alloc(0);
    await this.#run('read', name, position, lengthBytes, () => {
      const file = this.#existing(folder, name);
      if (file.syncFailed) this.violations.push(`${name}: read back after a failed fsync`);
      bytes = Buffer.from(file.bytes.subarray(position, Math.min(position + lengthBytes, file.lengthBytes)));
    });
    return bytes;
  }

  async list(folder: NodeFolder): Promise<StoredFile[]> {
    await this.#run('list', folder, 0, 0, () => undefined);
    return this.names(folder).map((name) => ({ name, sizeBytes: this.bytesOf(folder, name).length }));
  }

  async cut(folder: NodeFolder, name: string, lengthBytes: number): Promise<void> {
    await this.#run('cut', name, 0, lengthBytes, () => {
      const file = this.#existing(folder, name);
      if (file.lengthBytes < lengthBytes) throw new DriveError('CORRUPT');
      file.lengthBytes = lengthBytes;
      file.durableBytes = lengthBytes;
    });
  }

  async put(folder: NodeFolder, name: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of content) parts.push(Buffer.from(part));
    const bytes = Buffer.concat(parts);
    await this.#run('put', name, 0, bytes.length, () => {
      this.#files.set(`${folder}/${name}`, { ...newFile(bytes), durableBytes: bytes.length, isFinished: true });
    });
  }

  async move(from: NodeFolder, name: string, to: NodeFolder, newName: string): Promise<void> {
    await this.#run('move', name, 0, 0, () => {
      const file = this.#existing(from, name);
      if (this.#files.has(`${to}/${newName}`)) throw new DriveError('EXISTS');
      this.#files.delete(`${from}/${name}`);
      this.#files.set(`${to}/${newName}`, file);
    });
  }

  async remove(folder: 'attic', name: string): Promise<void> {
    this.#existing(folder, name);
    this.#files.delete(`${folder}/${name}`);
  }

  async probe(): Promise<SpaceInfo> {
    await this.#run('probe', '', 0, 0, () => undefined);
    return this.space;
  }

  async look(): Promise<void> {
    await this.probe();
  }

  async release(): Promise<void> {
    for (const file of this.#files.values()) file.isFinished = true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.wake();
  }

  async #run(
    operation: NodeOperation,
    name: string,
    position: number,
    lengthBytes: number,
    act: (isTorn: boolean) => void,
  ): Promise<void> {
    this.log.push({ operation, name, phase: 'start', position, lengthBytes });
    if (this.#isClosed) throw new DriveError('CLOSED');
    const effect = this.#due(operation, name);
    await this.delay();
    if (effect === 'hang') {
      await new Promise<void>((resolve) => this.#sleepers.push(resolve));
      throw new DriveError('NODE_GONE', { message: 'woken' });
    }
    if (effect !== undefined && effect !== 'torn') throw new DriveError(effect, { details: { node: this.id } });
    act(effect === 'torn');
    this.log.push({ operation, name, phase: 'end', position, lengthBytes });
  }

  #due(operation: NodeOperation, name: string): PlannedFault['effect'] | undefined {
    for (const fault of this.#faults) {
      if (fault.isUsed || fault.operation !== operation || !name.includes(fault.name ?? '')) continue;
      if (fault.passes > 0) {
        fault.passes -= 1;
        continue;
      }
      fault.isUsed = true;
      return fault.effect;
    }
    return undefined;
  }

  #existing(folder: NodeFolder, name: string): MemoryFile {
    const file = this.#files.get(`${folder}/${name}`);
    if (!file) throw new DriveError('FILE_MISSING', { details: { node: this.id, folder, name } });
    return file;
  }
}

function newFile(bytes: Buffer): MemoryFile {
  return { bytes, lengthBytes: bytes.length, durableBytes: 0, isFinished: false, syncFailed: false };
}

function extend(file: MemoryFile, lengthBytes: number): void {
  if (lengthBytes > file.bytes.length) {
    const longer = Buffer.alloc(Math.max(lengthBytes, 2 * file.bytes.length));
    file.bytes.copy(longer);
    file.bytes = longer;
  }
  file.lengthBytes = Math.max(file.lengthBytes, lengthBytes);
}
