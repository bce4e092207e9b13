/** What readers of the index see. Plain data. */
import type { ContentId, EntryId, EpochId, NodeId, NodeRole, SegmentId, UserRights } from './operations.js';

export interface EntryRow {
  readonly id: EntryId;
  readonly parent: EntryId;
  /** Spelling as the client gave it. */
  readonly name: string;
  readonly kind: 'file' | 'folder';
  /** null for folders. */
  readonly content: ContentId | null;
  /** 0 for folders. */
  readonly sizeBytes: number;
  /** 32 hex digits for files (strong: from the content), '' for folders. */
  readonly etag: string;
  /** Milliseconds since 1970. A folder's `modified` is derived: the time of its last child created, ended, moved or replaced by a move. */
  readonly created: number;
  readonly modified: number;
  /** Sequence number at which this version came to be. */
  readonly born: number;
  /** Whether dead properties exist (saves the look-up in listings). */
  readonly hasProperties: boolean;
}

export interface PropertyRow {
  readonly namespace: string;
  readonly name: string;
  /** The serialized XML element. */
  readonly value: string;
}

export interface LockRow {
  readonly token: string;
  readonly entry: EntryId;
  /** Path of the locked entry now, root first; [] is the root. */
  readonly path: readonly string[];
  readonly scope: 'exclusive' | 'shared';
  readonly depth: 0 | 'infinity';
  /** The owner element's inner XML as sent. */
  readonly owner: string;
  readonly principal: string;
  readonly timeoutMs: number;
  /** Wall clock, milliseconds. Rows past it are not returned. */
  readonly expires: number;
}

export interface ContentRow {
  readonly id: ContentId;
  readonly sizeBytes: number;
  readonly chunkCount: number;
  /** Hex, 64 digits. */
  readonly checksum: string;
}

export type SegmentState = 'open' | 'sealed';

export interface SegmentRow {
  readonly id: SegmentId;
  readonly state: SegmentState;
  /** Sealed length; for open segments the end of the last committed record. */
  readonly lengthBytes: number;
  readonly hash: string | null;
  /** Bytes of records whose chunk is referred to. */
  readonly liveBytes: number;
  /** Copies that it is to have, and whether that number is its own; null: it is the volume's. */
  readonly wanted: number;
  readonly ownWanted: number | null;
  readonly replicas: readonly ReplicaRow[];
}

/** 'good': believed whole. 'missing', 'damaged', 'short': to be healed. */
export type ReplicaState = 'good' | 'missing' | 'damaged' | 'short';

/** A copy that was read whole and verified at `proven` (milliseconds since 1970; 0: not since it was written). */
export interface OldProof {
  readonly segment: SegmentId;
  readonly node: NodeId;
  readonly proven: number;
}

export interface NodeProofs {
  readonly node: NodeId;
  /** Copies of sealed segments, and how many of them were ever proven. */
  readonly copies: number;
  readonly proven: number;
  /** Of those that were; null when none was. */
  readonly oldest: number | null;
}

export interface ReplicaRow {
  readonly node: NodeId;
  readonly state: ReplicaState;
}

export interface NodeRow {
  readonly id: NodeId;
  readonly label: string;
  readonly group: string;
  readonly weight: number;
  readonly role: NodeRole;
  readonly path: string;
  /** Of a node that is away on purpose: milliseconds within which it shall be here again. */
  readonly every?: number;
  /** Of a node that is away on purpose: milliseconds since 1970 at which it was last known to hold everything. */
  readonly current?: number;
  /** Bytes of segment replicas that the index places on this node. */
  readonly usedBytes: number;
}

export interface EpochRow {
  readonly id: EpochId;
  readonly parent: EpochId | null;
  /** Sequence number of the epoch's own batch. */
  readonly sequence: number;
  readonly lastSequence: number;
  readonly lastHash: string;
  readonly members: readonly NodeId[];
}

export interface UserRow {
  /** Unique; 1 to 64 characters (core/text/user-names.ts). */
  readonly name: string;
  readonly rights: UserRights;
  /** What proves who asks; never shown to anyone. */
  readonly credentials: string;
}

export interface VolumeRow {
  readonly id: string;
  readonly name: string;
  readonly replicas: number;
  readonly created: number;
}

/** The last batch that the index holds. */
export interface Tip {
  readonly sequence: number;
  /** Hex SHA-256 chain hash, 64 digits. */
  readonly hash: string;
  readonly epoch: EpochId;
}
