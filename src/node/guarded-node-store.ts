/**
 * A node's store as everybody uses it: every error and every success of an operation becomes a signal about the node,
 * in one place, so that no caller has to remember to report. A node that is away or foreign is not touched at all.
 */
import { type DriveError, hasCode } from '../core/errors.js';
import type { SpaceInfo } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';
import type { NodeFolder, NodeStore, ReadOptions, StoredFile } from './node-store.js';

export interface NodeObserver {
  /** Milliseconds, monotonic. */
  monotonic(): number;
  /** NODE_GONE when the node may not be used in its state. */
  requireUsable(): void;
  onOperation(kind: 'read' | 'write' | 'sync', durationMs: number): void;
  /** Bytes that are about to be written: they take room before the next probe measures it. */
  onWritten(bytes: number): void;
  /** A failure of the node: NODE_GONE, NODE_IO, NODE_FULL, NODE_READ_ONLY. */
  onFailure(error: DriveError, kind: 'read' | 'write' | 'sync'): void;
}

export class GuardedNodeStore implements NodeStore {
  /** Operations that have not ended. */
  inFlight = 0;
  /** When each read that has not ended began, oldest first. */
  readonly #reads = new Set<{ readonly started: number }>();
  readonly #inner: NodeStore;
  readonly #observer: NodeObserver;

  constructor(inner: NodeStore, observer: NodeObserver) {
    this.#inner = inner;
    this.#observer = observer;
  }

  get id(): NodeId {
    return this.#inner.id;
  }

  get canAppend(): boolean {
    return this.#inner.canAppend;
  }

  get device(): number | undefined {
    return this.#inner.device;
  }

  /** Milliseconds that the oldest read has been waited for; 0 when there is none. */
  get oldestReadMs(): number {
    const [oldest] = this.#reads;
    return oldest ? this.#observer.monotonic() - oldest.started : 0;
  }

  create(folder: NodeFolder, name: string): Promise<void> {
    return this.#guard('write', () => this.#inner.create(folder, name));
  }

  write(folder: NodeFolder, name: string, position: number, buffers: readonly Buffer[]): Promise<void> {
    this.#observer.onWritten(buffers.reduce((sum, { length }) => sum + length, 0));
    return this.#guard('write', () => this.#inner.write(folder, name, position, buffers));
  }

  sync(folder: NodeFolder, name: string): Promise<void> {
    return this.#guard('sync', () => this.#inner.sync(folder, name));
  }

  finish(folder: NodeFolder, name: string): Promise<void> {
    return this.#guard('write', () => this.#inner.finish(folder, name));
  }

  read(
    folder: NodeFolder,
    name: string,
    position: number,
    lengthBytes: number,
    options?: ReadOptions,
  ): Promise<Buffer> {
    return this.#guard('read', () => this.#inner.read(folder, name, position, lengthBytes, options));
  }

  list(folder: NodeFolder): Promise<StoredFile[]> {
    return this.#guard('write', () => this.#inner.list(folder));
  }

  cut(folder: NodeFolder, name: string, lengthBytes: number): Promise<void> {
    return this.#guard('sync', () => this.#inner.cut(folder, name, lengthBytes));
  }

  put(folder: NodeFolder, name: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    return this.#guard('sync', () => this.#inner.put(folder, name, content));
  }

  move(from: NodeFolder, name: string, to: NodeFolder, newName: string): Promise<void> {
    return this.#guard('sync', () => this.#inner.move(from, name, to, newName));
  }

  remove(folder: 'attic', name: string): Promise<void> {
    return this.#guard('write', () => this.#inner.remove(folder, name));
  }

  probe(): Promise<SpaceInfo> {
    return this.#guard('sync', () => this.#inner.probe());
  }

  look(): Promise<void> {
    return this.#guard('write', () => this.#inner.look());
  }

  idle(): Promise<void> {
    return this.#inner.idle?.() ?? Promise.resolve();
  }

  release(): Promise<void> {
    return this.#inner.release();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #guard<T>(kind: 'read' | 'write' | 'sync', work: () => Promise<T>): Promise<T> {
    this.#observer.requireUsable();
    const started = this.#observer.monotonic();
    const read = { started };
    if (kind === 'read') this.#reads.add(read);
    this.inFlight += 1;
    try {
      const result = await work();
      this.#observer.onOperation(kind, this.#observer.monotonic() - started);
      return result;
    } catch (error) {
      if (hasCode(error, 'NODE_GONE', 'NODE_IO', 'NODE_FULL', 'NODE_READ_ONLY')) this.#observer.onFailure(error, kind);
      throw error;
    } finally {
      this.#reads.delete(read);
      this.inFlight -= 1;
    }
  }
}
