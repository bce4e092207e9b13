/**
 * File I/O as the engine sees it: the few calls it makes, by position, never through streams or a current offset.
 * The system's implementation is core/system-file-io.ts; simulations pass their own. What differs between operating
 * systems sits in core/platform.ts.
 * Every failure is a DriveError: NODE_FULL, NODE_READ_ONLY, FILE_MISSING (ENOENT), EXISTS (EEXIST), NODE_IO (with
 * details.errno) or NODE_GONE (ENXIO, ENODEV, ENOTCONN, ESTALE, ENOMEDIUM, EIO on metadata stays NODE_IO).
 * Out of descriptors or memory is UNAVAILABLE: this process is in trouble, not the node.
 */

export interface OpenFile {
  /** Reads up to `buffer.length` bytes at `position`; returns the count, short only at the end of the file. */
  read(buffer: Buffer, position: number): Promise<number>;
  /** Writes all of `buffers` at `position`, looping over short writes; throws when not everything could be written. */
  write(buffers: readonly Buffer[], position: number): Promise<void>;
  /** fsync (data and metadata). A failure is final for this file: never retried. */
  sync(): Promise<void>;
  /** Cuts or extends to `lengthBytes`. */
  truncate(lengthBytes: number): Promise<void>;
  stat(): Promise<FileStat>;
  /** Idempotent. Waits for the calls in flight, so never wait for it on a disk that may hang; later calls: CLOSED. */
  close(): Promise<void>;
}

export interface FileStat {
  readonly kind: 'file' | 'folder' | 'other';
  readonly sizeBytes: number;
  /** st_dev: changes when another file system lies at the path. 0 where the platform has none. */
  readonly device: number;
  readonly inode: number;
  /** Milliseconds since 1970 of the last change of bytes or names (st_ctime), with a fraction; nobody can set it. 0: not known. */
  readonly changedMs: number;
}

export interface FolderItem {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'other';
}

export interface SpaceInfo {
  readonly totalBytes: number;
  /** Bytes that an unprivileged process may still write. */
  readonly freeBytes: number;
  /** Infinity where the file system does not count inodes. */
  readonly freeInodes: number;
}

/**
 * 'read': existing file, reading. 'cold': the same past the system's memory of the file, where the system can (Linux), so
 * that what is read is what lies on the disk. 'write': existing file, reading and writing. 'create': must not exist
 * (O_CREAT|O_EXCL), reading and writing.
 */
export type OpenMode = 'read' | 'cold' | 'write' | 'create';

export interface FileIo {
  /** Symbolic links are never followed. */
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** Whole file; FILE_MISSING when absent, CORRUPT when larger than `limitBytes`. */
  readWhole(path: string, limitBytes: number): Promise<Buffer>;
  /** undefined when nothing is there (ENOENT, ENOTDIR); any other failure throws. Follows symbolic links. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Complete listing or a failure, never a part. */
  list(path: string): Promise<FolderItem[]>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** One level; EXISTS when it is there. */
  makeFolder(path: string): Promise<void>;
  /** Makes the names in a folder durable. Does nothing where the platform cannot (Windows). */
  syncFolder(path: string): Promise<void>;
  space(path: string): Promise<SpaceInfo>;
}
