/**
 * One node's contents: named files in four folders below `holdfast-<node id>/`, and the passport beside it.
 * The contract is message-shaped (names, numbers and bytes; no descriptors or callbacks cross it), so that a node's
 * I/O can move to a process of its own, and a bucket can implement it (`canAppend` false: no create/write/sync).
 *
 * What each implementation promises: nothing is written unless the node's passport was seen at its path when the file
 * was opened and the file's device is the node's (NODE_GONE otherwise); folders are made only by `initialize`;
 * writes are whole or an error; a sync that failed is never retried on that file; a file opened by an earlier
 * opening of the store is never appended to. Each operation has the deadline of SafetyParameters (NODE_GONE).
 * Errors: NODE_GONE, NODE_IO, NODE_FULL, NODE_READ_ONLY, FILE_MISSING, EXISTS, CLOSED. Directory implementation:
 * node/directory-node-store.ts. Shared suite: test/suites/node-store-suite.ts.
 */
import type { SpaceInfo } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';

/** Folders of a node. Files go to the attic before they are unlinked. */
export type NodeFolder = 'segments' | 'journal' | 'checkpoints' | 'attic';

export interface StoredFile {
  readonly name: string;
  readonly sizeBytes: number;
}

export interface ReadOptions {
  /** What lies on the disk, not what the system remembers of it, where that can be had; slower. */
  readonly cold?: boolean | undefined;
}

export interface NodeStore {
  readonly id: NodeId;
  readonly canAppend: boolean;
  /** st_dev where the node lay when last seen: nodes with the same one share a disk's space. undefined: not known. */
  readonly device?: number | undefined;
  /** Makes an empty file for writing by position. EXISTS when the name is taken. Not durable before `sync`. */
  create(folder: NodeFolder, name: string): Promise<void>;
  /** Writes at `position` of a file that this opening created. */
  write(folder: NodeFolder, name: string, position: number, buffers: readonly Buffer[]): Promise<void>;
  /**
   * fsync of the file; the first one after `create` also makes its name durable (folder fsync). Then the passport and
   * device are read again: success means that the bytes lie on this node's disk. Any failure is final for the file.
   */
  sync(folder: NodeFolder, name: string): Promise<void>;
  /** Ends writing: the file is closed, later writes are refused. Idempotent. */
  finish(folder: NodeFolder, name: string): Promise<void>;
  /** Up to `lengthBytes` from `position`; shorter only at the end of the file. Works for files being written too. */
  read(folder: NodeFolder, name: string, position: number, lengthBytes: number, options?: ReadOptions): Promise<Buffer>;
  /** Complete listing or a failure; never a part. Temporary files are not listed. */
  list(folder: NodeFolder): Promise<StoredFile[]>;
  /** Cuts a finished file to `lengthBytes` and syncs it. EXISTS never; CORRUPT when it is shorter. */
  cut(folder: NodeFolder, name: string, lengthBytes: number): Promise<void>;
  /** Whole file: temporary name, write, fsync, rename over `name` (replacing it), folder fsync, passport check. */
  put(folder: NodeFolder, name: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void>;
  /** Renames between folders (to and from the attic), durable. EXISTS when the target name is taken. */
  move(from: NodeFolder, name: string, to: NodeFolder, newName: string): Promise<void>;
  /** Unlinks. Only `attic` and superseded `checkpoints` names; anything else is an assertion failure. */
  remove(folder: 'attic', name: string): Promise<void>;
  /** Passport and device as expected, small write + fsync, free space. NODE_GONE, NODE_IO, NODE_READ_ONLY, NODE_FULL. */
  probe(): Promise<SpaceInfo>;
  /** Only reads the passport and the device (cheap; also used to see an absent node again). */
  look(): Promise<void>;
  /**
   * Closes what is open, as far as it is synced, so that the disk can be ejected. Files being written stay so: the next
   * write opens them again when they are seen to be the same, unchanged, on the same attachment (else it fails).
   */
  idle?(): Promise<void>;
  /** Closes all open files (the node leaves). The store stays usable for reads; files being written are finished. */
  release(): Promise<void>;
  close(): Promise<void>;
}
