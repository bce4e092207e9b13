/**
 * The index behind a contract of named operations; no SQL leaks out. SQLite is the first implementation
 * (sqlite-meta-store.ts: writer connection in a worker thread, reader connection on the caller's thread); others pass
 * the same suite (test/suites/meta-store-suite.ts).
 *
 * The index is disposable: everything in it comes from journaled operations and from the segments' own records.
 */

import { DriveError, hasCode } from '../core/errors.js';
import type { Progress } from '../core/progress.js';
import type { ChunkPlace } from '../segment/chunk-place.js';
import type { ChunkId, ContentId, EntryId, NodeId, Operation, SegmentId } from './operations.js';
import type { SegmentNeeds } from './protection/segment-needs.js';
import type { ChangeRequest, Conditions, EntryPath, Outcome } from './requests.js';
import type {
  ContentRow,
  EntryRow,
  EpochRow,
  LockRow,
  NodeProofs,
  NodeRow,
  OldProof,
  PropertyRow,
  ReplicaRow,
  ReplicaState,
  SegmentRow,
  Tip,
  UserRow,
  VolumeRow,
} from './rows.js';
import type { FoundFiles, PartsQuery } from './sqlite/damage-search.js';

export interface Prepared {
  /** Encoded operations (format.md, "Operations"), empty when the batch changes nothing that is journaled. */
  readonly operations: Buffer;
  /** One outcome for each request, in order. */
  readonly outcomes: readonly Outcome[];
  /** Ids of chunks that the batch refers to and that the index does not hold yet: `commit` must bring their places. */
  readonly newChunks: readonly ChunkId[];
}

export interface BatchIdentity {
  readonly sequence: number;
  readonly hash: string;
  readonly epoch: string;
  /** The encoded batch, kept until every unretired node has it. */
  readonly bytes: Buffer;
}

export interface CheckpointStream extends AsyncIterable<Buffer> {
  /** The tip whose state it holds; undefined for an index without history. */
  readonly tip: Tip | undefined;
}

/** `instead`: the chunk lies in that segment already, and was written again because its copies there did not do. */
export type NewPlace = ChunkPlace & { readonly instead?: SegmentId | undefined };

/**
 * The writer. One prepared batch at a time: prepare, then exactly one of commit and abort. Calls are serialized by the
 * caller. After a failed commit nothing more is accepted (UNAVAILABLE): close, reopen, replay.
 */
export interface MetaWriter {
  /**
   * Opens a transaction and applies the requests, one savepoint each: a request that fails leaves no trace and its
   * outcome carries the error. Requests with kind 'operations' are applied as they are. `sequence` becomes `born`/`died`.
   * `data` is journaled before everything else when not empty; `wanted` of a segment that is new to the index (absent: as
   * many as the volume) with it.
   */
  prepare(input: {
    readonly sequence: number;
    readonly requests: readonly ChangeRequest[];
    readonly data: readonly {
      readonly id: SegmentId;
      readonly nodes: readonly NodeId[];
      readonly wanted?: number | undefined;
    }[];
  }): Promise<Prepared>;
  /**
   * INTERNAL, with nothing committed, when a chunk in `newChunks` is left without a place, or a place names a segment
   * that no 'data' named: an acknowledged file would have no bytes.
   * Adds the places of new chunks (whose 'data' was journaled, or that a repair of this batch placed: then `data` holds
   * the segments and nodes, to be journaled by the next batch), stores the batch and commits. The place of a chunk that
   * has one already counts only if it is `instead` of that one, or its segment has more good replicas and wants no fewer.
   * `full`: with synchronous = FULL (epoch records). `batch` null: nothing was journaled (empty operations).
   */
  commit(input: {
    readonly batch: BatchIdentity | null;
    readonly places: readonly NewPlace[];
    readonly data: readonly { readonly id: SegmentId; readonly nodes: readonly NodeId[] }[];
    readonly full?: boolean;
  }): Promise<void>;
  abort(): Promise<void>;
  /**
   * Replays journaled batches in one transaction: applied, tip moved, bytes kept. `places`: what segment scans found
   * (for any chunks; those of no interest are ignored). `goesOn`: the next call is a replay, too, of the same transaction;
   * one that fails takes all of it back; of `places`, those in segments that are not sealed are ignored.
   */
  replay(input: {
    readonly batches: readonly (BatchIdentity & { readonly operations: Buffer })[];
    readonly places: readonly ChunkPlace[];
    readonly goesOn?: boolean;
  }): Promise<void>;
  /**
   * Loads a checkpoint part by part into an empty index (`begin` first), then `finish` sets the tip. Derived numbers
   * (reference counts, live bytes) come right at `finish`.
   */
  loadCheckpoint(part: { readonly operations: Buffer } | { readonly finish: Tip }): Promise<void>;
  /** Adds places found by scanning segments (rebuild); unknown chunks are ignored, known places are kept unless absent. */
  addPlaces(places: readonly ChunkPlace[]): Promise<void>;
  /** Chunk places moved by the cleaner: set only where the place is still `from`. Inside a transaction of its own; not journaled. */
  movePlaces(moves: readonly { readonly from: ChunkPlace; readonly to: ChunkPlace }[]): Promise<void>;
  /**
   * Replica states are local knowledge (not journaled): what was seen on a node. `proven`: the time at which a good one
   * was read whole.
   */
  setReplicaStates(
    states: readonly {
      readonly segment: SegmentId;
      readonly node: NodeId;
      readonly state: ReplicaState;
      readonly proven?: number | undefined;
    }[],
  ): Promise<void>;
  /** How far a node's journal reaches (local knowledge), so that kept batches can be dropped. */
  setJournaled(node: NodeId, sequence: number): Promise<void>;
  /** Drops the oldest kept batches until at most `retainBytes` are left; a node that lacks them needs a checkpoint. */
  trimJournal(retainBytes: number): Promise<void>;
  /**
   * The state as operations in key order, as of the last commit before the call; yields whole lines, some 256 KiB at a
   * time. Runs on a connection of its own, which ends with the iteration (or with `close`): begin it, go through it.
   */
  checkpoint(): CheckpointStream;
  /** Consistent copy of the index file (VACUUM INTO, in a worker). */
  copyTo(path: string): Promise<void>;
  /** Idempotent; aborts a prepared batch. */
  close(): Promise<void>;
}

/** What `MetaReader.verify` judges. */
export interface VerifyInput {
  readonly path: EntryPath;
  readonly conditions?: Conditions | undefined;
  readonly principal: string;
  readonly now: number;
  /** Judge DAV locks too, as a change of the entry (or its creation, when nothing is there) would meet them. */
  readonly forWriting: boolean;
}

/** Readers see only what is committed; each call is one short statement (or a few). */
export interface MetaReader {
  volume(): VolumeRow | undefined;
  tip(): Tip | undefined;
  /** Names are compared by key (NFC); [] is the root. */
  lookup(path: EntryPath): EntryRow | undefined;
  /**
   * For clients that do not know case: each name that no entry has becomes that of the only entry that Windows takes for
   * the same; from the first name on that has none, as given.
   */
  spelling(path: EntryPath): EntryPath;
  /** A row below an ended folder is still found until a prune step has walked it; `pathOf` tells. */
  entry(id: EntryId): EntryRow | undefined;
  pathOf(id: EntryId): string[] | undefined;
  /** Children by name key after `after` (exclusive; '' for the first page); `next` is the key to go on from, or null. */
  list(
    parent: EntryId,
    after: string,
    limit: number,
  ): { readonly rows: readonly EntryRow[]; readonly next: string | null };
  properties(entry: EntryId): PropertyRow[];
  /** Copies that a file at the path is to have by the nearest folder with a setting; null: as many as the volume. */
  copiesAt(path: EntryPath): number | null;
  /** Living folders with a setting, by entry. */
  protections(): { readonly path: string[]; readonly replicas: number }[];
  /** Whether any folder or segment has a number of copies of its own. */
  hasProtection(): boolean;
  /** Locks at the path, inherited ones (depth infinity from above) included; not expired at `now`. */
  locksCovering(path: EntryPath, now: number): LockRow[];
  /** Judges conditions and locks against the committed state. Throws PRECONDITION_FAILED or LOCKED. */
  verify(input: VerifyInput): void;
  /** Finished contents only. */
  content(id: ContentId): ContentRow | undefined;
  /**
   * Chunks `first` to `first + count - 1` with their places and nodes of good or any replicas. The list's checksum is
   * verified (CORRUPT when it does not match). A chunk without a place has `place` null.
   */
  contentChunks(
    id: ContentId,
    first: number,
    count: number,
  ): readonly {
    readonly chunk: ChunkId;
    readonly plainBytes: number;
    readonly place: ChunkPlace | null;
    readonly replicas: readonly { readonly node: NodeId; readonly state: ReplicaState }[];
  }[];
  /** For duplicates: place and replicas of a committed, living chunk. */
  chunkPlace(id: ChunkId):
    | {
        readonly place: ChunkPlace;
        readonly replicas: readonly { readonly node: NodeId; readonly state: ReplicaState }[];
        /** Copies that its segment is to have. */
        readonly wanted: number;
      }
    | undefined;
  /** Living chunks without a known place, by id: after a replay, segments must be scanned for them. */
  chunksWithoutPlace(limit: number): ChunkId[];
  nodes(): readonly NodeRow[];
  /** By name. CORRUPT rather than a list that lacks one: with nobody in it, a drive stands open. */
  users(): readonly UserRow[];
  user(name: string): UserRow | undefined;
  epochs(): EpochRow[];
  segment(id: SegmentId): SegmentRow | undefined;
  /** By id, after `after` ('' first). */
  segments(after: string, limit: number): SegmentRow[];
  /** Living chunks of a segment by offset (for the cleaner). */
  segmentChunks(id: SegmentId, afterOffset: number, limit: number): ChunkPlace[];
  /**
   * Segments with fewer good replicas than they are to have (`wanted`, if they have no number of their own) or with any bad one, on nodes other than `absent` and those that are
   * away on purpose; fewest good first.
   */
  degraded(input: {
    readonly wanted: number;
    readonly absent: readonly NodeId[];
    readonly limit: number;
  }): SegmentRow[];
  /** Good replicas of sealed segments on these nodes whose proof is older than `before` (milliseconds), the oldest first. */
  oldestProofs(input: {
    readonly nodes: readonly NodeId[];
    readonly before: number;
    readonly limit: number;
  }): OldProof[];
  /** Of each node that holds any. */
  proofs(): NodeProofs[];
  /** Of each copy of the segment, by node. */
  segmentProofs(id: SegmentId): (OldProof & ReplicaRow)[];
  /** Paths of living files that hold any of the chunks (for damage reports: it reads every chunk list), at most `limit`. */
  filesHolding(chunks: ReadonlySet<ChunkId>, limit: number): string[][];
  /** Kept up with each change. What lies below a deleted folder counts until prune steps have walked it. */
  counts(): {
    readonly files: number;
    /** Without the root. */
    readonly folders: number;
    readonly logicalBytes: number;
    readonly segments: number;
    /** Bytes of records whose chunk is living, each once. */
    readonly liveBytes: number;
    /** Bytes of all segments, each once; what is not living of it is dead. Copies are counted in NodeRow.usedBytes. */
    readonly storedBytes: number;
  };
  /** Batches kept for lagging nodes, from `after` (exclusive), in order. */
  batches(after: number, limitBytes: number): BatchIdentity[];
  journaled(): { readonly node: NodeId; readonly sequence: number }[];
  /** Contents whose 'content' operation never came: uploads that a crash ended. */
  unfinishedContents(): ContentId[];
  /** Whether ended rows, or finished contents without an entry, exist; they may be pinned, so a step may find nothing. */
  hasEnded(): boolean;
}

/** SQLite's log beside the index: how many frames it has, and how many of them are in the index's file too. */
export interface WalState {
  readonly frames: number;
  readonly folded: number;
}

export interface CheckOptions {
  /** Only whether the references noted are as many as the chunk lists make: what is asked before anything is unlinked. */
  readonly only?: 'sums' | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface MetaStore {
  readonly writer: MetaWriter;
  readonly reader: MetaReader;
  /** Invariants of the index that need no data read; each finding is a sentence. Readers and the writer go on. ABORTED. */
  check(options?: CheckOptions): Promise<string[]>;
  /** Segments that are to have another number of copies than their files need. In a thread: readers and the writer go on. ABORTED. */
  segmentNeeds(options?: { readonly signal?: AbortSignal | undefined }): Promise<SegmentNeeds>;
  /** Living files that hold what is looked for, and where. In a thread: readers and the writer go on. ABORTED. */
  findParts(query: PartsQuery, options?: { readonly signal?: AbortSignal | undefined }): Promise<FoundFiles>;
  /**
   * Told once, when a row turns out not to be as it was written: no answer of this index counts from then on. At once when
   * that has happened already.
   */
  onDamage?(listener: (error: DriveError) => void): void;
  /** Not every row was verified when it was opened: `verify` is to do it while it serves. */
  readonly isUnread?: boolean;
  /** Reads every row, in a thread; damage goes to `onDamage`. ABORTED. */
  verify?(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  close(): Promise<void>;
}

const damaged = 'damaged';

/** Where a mismatch is found the whole index is given up: what else is wrong cannot be known. */
export function damagedIndex(what: string): DriveError {
  return new DriveError('CORRUPT', {
    message: `the index is damaged: ${what}`,
    details: { index: damaged },
    hint: 'it is made anew from the nodes',
  });
}

/** Whether the error says that the index itself cannot be relied on. */
export function isIndexDamage(error: unknown): error is DriveError {
  return hasCode(error, 'CORRUPT') && error.details.index === damaged;
}

/**
 * An index that is damaged gives no answer; it is made anew from the nodes, and what was asked is asked again.
 * UNAVAILABLE when that takes longer than a request may wait.
 */
export async function askIndex<E, T>(current: () => Promise<E>, query: (engine: E) => T): Promise<T> {
  const engine = await current();
  try {
    return query(engine);
  } catch (error) {
    if (!isIndexDamage(error)) throw error;
  }
  return query(await current());
}

export type { Operation };
