/**
 * Operations: the journaled history of a volume. They carry effects (ids, times and tokens resolved), so replaying
 * them validates nothing, reads no clock and draws no chance; they name chunks by id, never by place. One `apply`
 * (apply.ts) serves live traffic, replay and checkpoints. Their bytes (one JSON object a line, keys in the order
 * written here) are specified in docs/format.md; changing them is a change of format.
 */

import type { ChunkReference, EpochId, NodeId, SegmentId } from '../core/ids.js';

export type { ChunkId, ChunkReference, EpochId, NodeId, SegmentId } from '../core/ids.js';

/** Positive integers below 2^53. The root folder's entry is 1; entries below 0 (the staging folder) are not visible. */
export type EntryId = number;
export type ContentId = number;

export const rootEntry: EntryId = 1;
export const stagingEntry: EntryId = 0;

/** 'write' includes 'read'. */
export type UserRights = 'read' | 'write';

/**
 * `draining`: being emptied, takes nothing new. `away`: a full copy that mostly lies elsewhere on purpose; its replicas
 * are kept current when it is here, are read like others, and count for no file's number of copies.
 */
export type NodeRole = 'active' | 'draining' | 'away' | 'retired';

export type Operation =
  /** Settings of the volume (first operation of every journal; later ones replace). */
  | {
      readonly o: 'volume';
      readonly id: string;
      readonly name: string;
      readonly replicas: number;
      readonly created: number;
    }
  /** A node joined or changed. `path` is a hint only: the passport proves identity. */
  | {
      readonly o: 'node';
      readonly id: NodeId;
      readonly label: string;
      readonly group: string;
      readonly weight: number;
      readonly role: NodeRole;
      readonly path: string;
      /** Away: milliseconds within which it shall be here again. */
      readonly every?: number;
      /** Away: when it was last known to hold everything. */
      readonly current?: number;
    }
  /** A new epoch: the write set from here on. Always alone in its batch. `parent` is null for the first. */
  | {
      readonly o: 'epoch';
      readonly id: EpochId;
      readonly parent: EpochId | null;
      readonly lastSequence: number;
      readonly lastHash: string;
      readonly members: readonly NodeId[];
      readonly time: number;
      /** Epochs that were begun on some node and never completed; this one takes their place. */
      readonly supersedes?: readonly EpochId[];
      /** Only in checkpoints: the sequence number of its batch. */
      readonly born?: number;
    }
  /** Only in checkpoints: the highest ids ever given, so that none is given twice. */
  | { readonly o: 'ids'; readonly entry: EntryId; readonly content: ContentId }
  /**
   * Where this batch's new chunks were put: segments (new or already known) and the nodes that hold them now. A node that
   * held the segment before and is not named lacks the new chunks: its replica is short.
   */
  | { readonly o: 'data'; readonly segments: readonly { readonly id: SegmentId; readonly nodes: readonly NodeId[] }[] }
  /** A segment ends: its replicas are what lies below `length`; `hash` is the hex SHA-256 of those bytes, null when not yet known. */
  | { readonly o: 'seal'; readonly segment: SegmentId; readonly length: number; readonly hash: string | null }
  /** The nodes that shall hold the segment from now on (after healing, moving, draining). */
  | { readonly o: 'relocate'; readonly segment: SegmentId; readonly nodes: readonly NodeId[] }
  /** The copies that the segment is to have from now on; null: as many as the volume. */
  | { readonly o: 'want'; readonly segment: SegmentId; readonly replicas: number | null }
  /** Nothing refers to the segment any more; its files may go through the gate once this is durable. */
  | { readonly o: 'retire'; readonly segment: SegmentId }
  /** Chunks of a content in the making; `first` is the index of the first one. */
  | {
      readonly o: 'chunks';
      readonly content: ContentId;
      readonly first: number;
      readonly chunks: readonly ChunkReference[];
    }
  /** A finished content. `checksum`: hex SHA-256 over its chunk list (contentChecksum); its first 32 digits are the ETag. */
  | {
      readonly o: 'content';
      readonly id: ContentId;
      readonly size: number;
      readonly count: number;
      readonly checksum: string;
    }
  /**
   * A new entry. `content` is null for folders. Times are milliseconds since 1970. Only in checkpoints: `born`, the
   * sequence number at which it came to be (then the parent's time stays as it is), and `died` for a row that ended.
   */
  | {
      readonly o: 'entry';
      readonly id: EntryId;
      readonly parent: EntryId;
      readonly name: string;
      readonly kind: 'file' | 'folder';
      readonly content: ContentId | null;
      readonly created: number;
      readonly modified: number;
      readonly time: number;
      readonly born?: number;
      readonly died?: number;
    }
  /** An entry's content is replaced; the version before ends. */
  | {
      readonly o: 'replace';
      readonly id: EntryId;
      readonly content: ContentId;
      readonly modified: number;
      readonly time: number;
    }
  /** Times of an entry set by a client. */
  | { readonly o: 'times'; readonly id: EntryId; readonly created: number | null; readonly modified: number | null }
  | { readonly o: 'move'; readonly id: EntryId; readonly parent: EntryId; readonly name: string; readonly time: number }
  /** An entry (and all below it) ends. */
  | { readonly o: 'end'; readonly id: EntryId; readonly time: number }
  /** A dead property; `value` is its XML element serialized, null removes. */
  | {
      readonly o: 'property';
      readonly entry: EntryId;
      readonly namespace: string;
      readonly name: string;
      readonly value: string | null;
    }
  /** Copies that all below a folder shall have, unless a folder further down says otherwise; null ends the setting. */
  | { readonly o: 'protect'; readonly entry: EntryId; readonly replicas: number | null }
  | {
      readonly o: 'lock';
      readonly token: string;
      readonly entry: EntryId;
      readonly scope: 'exclusive' | 'shared';
      readonly depth: 0 | 'infinity';
      readonly owner: string;
      readonly principal: string;
      readonly timeout: number;
      readonly expires: number;
    }
  | { readonly o: 'unlock'; readonly token: string }
  /** Who may use the volume, and what proves it (access/credentials.ts). Replaces an earlier one; null removes the user. */
  | {
      readonly o: 'user';
      readonly name: string;
      readonly rights: UserRights;
      readonly credentials: string | null;
    }
  /**
   * Ended rows of these entries are removed (never a living one: what lies below an ended folder is ended first), and
   * these contents, to which nothing refers, are dropped: their chunks are dead from here on. With `before`, only rows
   * that ended at or before that sequence number.
   */
  | {
      readonly o: 'prune';
      readonly entries: readonly EntryId[];
      readonly contents: readonly ContentId[];
      readonly before?: number;
    };

/** What an entry row, a content and the rest look like to readers: rows.ts. */
