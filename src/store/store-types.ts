/** What passes between the segment store and those who tell it where. Plain data; the store never asks the index. */
import type { ChunkId, NodeId, SegmentId } from '../core/ids.js';
import type { ChunkPlace } from '../segment/chunk-place.js';

/**
 * Small chunks share one segment (one fsync for many files); bulk chunks spread over several; what the cleaner moves
 * goes to one of its own, the only one that may use the nodes' reserve.
 */
export type Lane = 'small' | 'bulk' | 'clean';

/** Chunks of different kinds never share a segment: what is kept three times and what is kept once lie apart. */
export interface SegmentKind {
  readonly lane: Lane;
  /** Copies that the segment is to have. */
  readonly wanted: number;
}

export interface AppendedChunk {
  readonly place: ChunkPlace;
  /** Nodes that took the bytes (not durable before `sync`). */
  readonly nodes: readonly NodeId[];
  /** Found in the index instead of being written: durable and committed already. */
  readonly isCommitted?: boolean;
  /** Copies that its segment wants; absent: as many as the volume. */
  readonly wanted?: number | undefined;
  /** The index knew it when it was written, with copies that did not do. */
  readonly before?: StoredBefore | undefined;
}

/** A committed chunk, as the index knows it. */
export interface StoredBefore {
  readonly place: ChunkPlace;
  /** Those with a good copy that can be read now. */
  readonly nodes: readonly NodeId[];
  /** Copies that its segment wants. */
  readonly wanted: number;
}

export interface ChunkToStore {
  readonly id: ChunkId;
  readonly plain: Buffer;
}

/** After `sync`: who holds the segment durably, up to all appends that had resolved before the call. */
export interface SyncedSegment {
  readonly segment: SegmentId;
  readonly durable: readonly NodeId[];
  readonly failed: readonly NodeId[];
}

export interface SealedSegment {
  readonly segment: SegmentId;
  readonly lengthBytes: number;
  /** Hex SHA-256 of the file below lengthBytes; null when it could not be made. */
  readonly hash: string | null;
  /** Those that hold all of it durably; the others are told as bad copies. */
  readonly nodes: readonly NodeId[];
  readonly wanted: number;
}

export interface ReadTarget {
  readonly place: ChunkPlace;
  /** Candidates; the store orders them (state, latency) and fails over. */
  readonly nodes: readonly NodeId[];
}

/** A copy that did not verify or was not there: for the heal queue. */
export interface BadCopy {
  readonly segment: SegmentId;
  readonly node: NodeId;
  readonly problem: 'missing' | 'damaged' | 'short' | 'io';
}

/** An open segment, for status and for those who must not touch it. */
export interface OpenSegmentStatus {
  readonly segment: SegmentId;
  readonly lane: Lane;
  readonly wanted: number;
  readonly nodes: readonly NodeId[];
  readonly lengthBytes: number;
  /** Durable on every node that still counts; 0 when there is none. */
  readonly durableBytes: number;
  readonly sealing: boolean;
}
