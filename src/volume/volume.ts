/**
 * The file system as the protocol layers see it. Paths are decoded names from the root down ([] is the root); names
 * are compared by their NFC form and keep the spelling they were given. Changes are atomic, durable before they
 * resolve (format.md, architecture.md "The life of a PUT"), and take their conditions with them: what is checked
 * beforehand is only a courtesy. Errors are DriveErrors.
 */
import type { Conditions, EntryPath, PropertyChange } from '../meta/requests.js';
import type { EntryRow, LockRow, PropertyRow } from '../meta/rows.js';
import type { LocksToKeep } from './kept-locks.js';

export type { Conditions, EntryPath, IfList, PropertyChange } from '../meta/requests.js';
export type { EntryRow, LockRow, PropertyRow } from '../meta/rows.js';

export interface ByteRange {
  /** First byte. */
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

/** An opened content: immutable, pinned until `close`, whatever happens to its entry meanwhile. */
export interface ContentReader {
  readonly entry: EntryRow;
  readonly sizeBytes: number;
  /**
   * Verified bytes of the range, in buffers of at most 1 MiB that the caller may give back (core/memory/read-buffers.ts); fails over between replicas in the middle.
   * Throws DAMAGED (nothing more comes; the caller must cut the connection) or ABORTED.
   */
  read(range: ByteRange, options?: { readonly signal?: AbortSignal }): AsyncIterable<Buffer>;
  /** The same bytes in one buffer, if they were verified lately and are in memory; undefined: they have to be read. */
  atHand(range: ByteRange): Buffer | undefined;
  /** Idempotent. */
  close(): void;
}

/** Bytes on their way in. Chunks are hashed and written to the nodes while they arrive. */
export interface Upload {
  /**
   * Resolves when more may be sent (backpressure). True when the bytes were copied; else the buffer is kept and may not
   * be changed afterwards. OUT_OF_SPACE, UNAVAILABLE.
   */
  write(bytes: Buffer): Promise<boolean>;
  /** Ends the body. Nothing is visible before `Volume.put` with the handle. */
  finish(): Promise<UploadedContent>;
  /** Leaves no trace but dead space. Idempotent; after `put` it does nothing. */
  abort(): Promise<void>;
}

export interface UploadOptions {
  readonly expectedBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where it will be put, which says how many copies it gets; default: where `under` says. */
  readonly path?: EntryPath | undefined;
  /** DAV locks under which it was admitted: they are kept alive until it ends. */
  readonly under?: LocksToKeep | undefined;
}

/** Opaque to callers. */
export interface UploadedContent {
  readonly sizeBytes: number;
}

export interface ChangeOptions {
  readonly conditions?: Conditions | undefined;
  /** Who asks; '' while there are no users. */
  readonly principal?: string | undefined;
}

/** Where bytes of a file are replaced. */
export interface Amendment {
  /** 'start': the offset. 'end': so many bytes before the end (at most all of them); 0 appends. */
  readonly from: 'start' | 'end';
  readonly offset: number;
  /** Length of `body`. */
  readonly sizeBytes: number;
  readonly body: AsyncIterable<Buffer>;
  readonly signal?: AbortSignal | undefined;
}

export interface PutOptions extends ChangeOptions {
  readonly modified?: number | undefined;
  /** Made in the same step: what speaks of the content before must not outlive it. */
  readonly properties?: readonly PropertyChange[] | undefined;
}

export interface SpaceReport {
  /** What can still be stored with the wanted number of copies, the reserve kept, and room to heal the next loss. */
  readonly availableBytes: number;
  /** Logical bytes of live files. */
  readonly usedBytes: number;
  /** Whether the loss of any disk is healed without another one being added. Absent: it is nobody's concern here. */
  readonly healsByItself?: boolean;
}

export interface Volume {
  readonly id: string;
  readonly name: string;

  /** undefined when nothing is there. Never touches a node. */
  stat(path: EntryPath): Promise<EntryRow | undefined>;
  /**
   * For clients that do not know case: the path as its entries are spelled. A name that nothing has exactly becomes that
   * of the only entry that Windows takes for the same; from the first name on that has none, as given.
   */
  spelling(path: EntryPath): Promise<EntryPath>;
  /**
   * Pages of children in key order; each page is one short query, never held open, and between two of them the event loop
   * turns. Rows are shared: nobody may change them. NOT_FOUND never: an ended folder is empty.
   */
  list(folder: EntryRow): AsyncIterable<readonly EntryRow[]>;
  properties(entry: EntryRow): Promise<PropertyRow[]>;
  /** Locks that cover the path, inherited ones included. */
  locks(path: EntryPath): Promise<LockRow[]>;
  space(): Promise<SpaceReport>;

  /** NOT_FOUND, IS_FOLDER. */
  open(path: EntryPath): Promise<ContentReader>;
  /** OUT_OF_SPACE when `expectedBytes` cannot fit, after waiting for room that is coming; UNAVAILABLE, without a disk for long. */
  upload(options: UploadOptions): Promise<Upload>;

  put(
    path: EntryPath,
    content: UploadedContent,
    options: PutOptions,
  ): Promise<{ readonly created: boolean; readonly entry: EntryRow }>;
  /**
   * Replaces part of a file by a new content; zeros fill a hole before it. Chunks that it does not touch are shared with
   * the content before. One at a time for each file; atomic and durable like a put, and judged like one.
   * PRECONDITION_FAILED also when the file was replaced while the body came.
   */
  amend(path: EntryPath, amendment: Amendment, options: PutOptions): Promise<EntryRow>;
  makeFolder(path: EntryPath, options: ChangeOptions & { readonly modified?: number | undefined }): Promise<EntryRow>;
  delete(path: EntryPath, options: ChangeOptions): Promise<void>;
  move(
    path: EntryPath,
    target: EntryPath,
    options: ChangeOptions & {
      readonly overwrite: boolean;
      readonly locksFollow?: boolean;
      readonly modified?: number | undefined;
    },
  ): Promise<{ readonly created: boolean }>;
  copy(
    path: EntryPath,
    target: EntryPath,
    options: ChangeOptions & {
      readonly overwrite: boolean;
      readonly depth: 0 | 'infinity';
      readonly modified?: number | undefined;
    },
  ): Promise<{ readonly created: boolean }>;
  setProperties(
    path: EntryPath,
    changes: readonly PropertyChange[],
    options: ChangeOptions & {
      readonly times?: { readonly created?: number | undefined; readonly modified?: number | undefined };
    },
  ): Promise<void>;
  lock(
    path: EntryPath,
    options: ChangeOptions & {
      readonly scope: 'exclusive' | 'shared';
      readonly depth: 0 | 'infinity';
      readonly owner: string;
      readonly timeoutMs: number;
    },
  ): Promise<{ readonly created: boolean; readonly entry: EntryRow; readonly lock: LockRow }>;
  refreshLock(path: EntryPath, options: ChangeOptions & { readonly timeoutMs: number }): Promise<LockRow>;
  unlock(path: EntryPath, token: string, options: ChangeOptions): Promise<void>;
  /** Judges conditions and locks as a change to `path` would, against the state now. A courtesy before a body is read. */
  verify(path: EntryPath, options: ChangeOptions & { readonly forWriting: boolean }): Promise<void>;
}
