/**
 * What clients ask for, as data. Requests cross a thread boundary (structured clone) and are validated and resolved
 * into operations inside the writer's transaction, one savepoint each (resolve/): conditions are judged there, with
 * everything before them in the same batch already applied. A check before the body arrived is only a courtesy.
 */
import type { ErrorData } from '../core/errors.js';
import type { ChunkId, ChunkReference, ContentId, EntryId, Operation, UserRights } from './operations.js';
import type { EntryRow, LockRow } from './rows.js';

/** Decoded names from the root down; [] is the root. Checked by resolve against the rules for names (INVALID_NAME). */
export type EntryPath = readonly string[];

/** RFC 4918 section 10.4. A list holds when all its conditions hold; the header holds when any list of it does. */
export interface IfList {
  /** The tagged resource, 'request' for untagged lists, null for a resource that is not on this volume (no state). */
  readonly resource: EntryPath | 'request' | null;
  readonly conditions: readonly {
    readonly not: boolean;
    readonly kind: 'token' | 'etag';
    /** State token (absolute URI) or entity tag with its quotes (and W/). */
    readonly value: string;
  }[];
}

export interface Conditions {
  /** Entity tags as in the header (with quotes), or '*'. RFC 9110 section 13.1. */
  readonly ifMatch?: '*' | readonly string[] | undefined;
  readonly ifNoneMatch?: '*' | readonly string[] | undefined;
  /** Milliseconds, compared in whole seconds. */
  readonly ifUnmodifiedSince?: number | undefined;
  /** The If header; tokens of its positive conditions (without Not) count as submitted. */
  readonly ifLists?: readonly IfList[] | undefined;
}

interface RequestBase {
  readonly conditions?: Conditions | undefined;
  /** Who asks; '' while there are no users. */
  readonly principal: string;
  /** Wall clock when the request was made, milliseconds. Becomes the time of its operations. */
  readonly now: number;
}

/** A finished upload. Chunks recorded by provisional 'chunks' operations before are named by `content` and `recorded`. */
export interface StagedContent {
  /** Allocated by an earlier 'reserve-content', or null when nothing was recorded yet. */
  readonly content: ContentId | null;
  /** How many chunks (from the start) are in the index already under `content`. */
  readonly recorded: number;
  /** The chunks after those. */
  readonly chunks: readonly ChunkReference[];
  readonly sizeBytes: number;
  readonly checksum: string;
}

export type ChangeRequest =
  /** Create or replace a file. Result: {created, entry}. IS_FOLDER, PARENT_MISSING, LOCKED, PRECONDITION_FAILED. */
  | (RequestBase & {
      readonly kind: 'put';
      readonly path: EntryPath;
      readonly content: StagedContent;
      /** That its chunks were given. `needsChanged` in the result when the folder wants another number; default: it does not matter. */
      readonly copies?: number | undefined;
      readonly modified?: number | undefined;
      /** Changes with the content: what speaks of the one before must not outlive it. */
      readonly properties?: readonly PropertyChange[] | undefined;
      /** The content that this one was made from: PRECONDITION_FAILED when the file holds another one by now. */
      readonly replaces?: ContentId | undefined;
    })
  /** Create a folder. EXISTS, PARENT_MISSING, LOCKED. */
  | (RequestBase & { readonly kind: 'make-folder'; readonly path: EntryPath; readonly modified?: number | undefined })
  /** End an entry and all below. NOT_FOUND, LOCKED (also by locks below), FORBIDDEN (root). */
  | (RequestBase & { readonly kind: 'delete'; readonly path: EntryPath })
  /**
   * Rename; constant work for files and trees. FORBIDDEN: root, onto itself, into its own tree, onto its own ancestor.
   * Same entry in another spelling (case, NFC/NFD): renamed in place, never deleted. Target exists: replaced when
   * `overwrite`, else PRECONDITION_FAILED. `locksFollow`: locks at or below the source stay with the entries
   * (macOS), otherwise they end (RFC 4918 section 7.6). Result: {created}: false when a target was replaced.
   */
  | (RequestBase & {
      readonly kind: 'move';
      readonly path: EntryPath;
      readonly target: EntryPath;
      readonly overwrite: boolean;
      readonly locksFollow: boolean;
      readonly modified?: number | undefined;
    })
  /**
   * Copy; files share their content and keep their `modified` unless one is given. Folders: `depth` 0 copies the folder
   * alone. Dead properties are copied, DAV locks not. FORBIDDEN, PRECONDITION_FAILED and {created} as for 'move', but a
   * folder alone may go into its own tree. LIMIT_EXCEEDED for a tree too large for one batch.
   */
  | (RequestBase & {
      readonly kind: 'copy';
      readonly path: EntryPath;
      readonly target: EntryPath;
      readonly overwrite: boolean;
      readonly depth: 0 | 'infinity';
      readonly modified?: number | undefined;
    })
  /** All or nothing, in order. Live properties are judged by the protocol layer before; times may be set here too. */
  | (RequestBase & {
      readonly kind: 'set-properties';
      readonly path: EntryPath;
      readonly changes: readonly PropertyChange[];
      readonly times?: { readonly created?: number | undefined; readonly modified?: number | undefined } | undefined;
    })
  /**
   * New lock; an unmapped path becomes an empty file (result.created). LOCKED on conflict. `token` comes from the
   * caller's generator. Result: {created, entry, lock}.
   */
  | (RequestBase & {
      readonly kind: 'lock';
      readonly path: EntryPath;
      readonly token: string;
      readonly scope: 'exclusive' | 'shared';
      readonly depth: 0 | 'infinity';
      readonly owner: string;
      readonly timeoutMs: number;
    })
  /** Refresh the locks named in conditions.ifLists that cover the path; PRECONDITION_FAILED when none does. Result: {lock}. */
  | (RequestBase & { readonly kind: 'refresh-lock'; readonly path: EntryPath; readonly timeoutMs: number })
  /** End a lock. LOCK_TOKEN_MISMATCH when it was never issued or does not cover `path`; one that ended already is fine. */
  | (RequestBase & { readonly kind: 'unlock'; readonly path: EntryPath; readonly token: string })
  /**
   * A user is added, or changed where something is given; credentials null removes. EXISTS with `only` 'new',
   * NOT_FOUND with 'present'. LIMIT_EXCEEDED, INVALID_NAME.
   */
  | (RequestBase & {
      readonly kind: 'set-user';
      readonly name: string;
      readonly rights?: UserRights | undefined;
      readonly credentials?: string | null | undefined;
      readonly only: 'new' | 'present';
    })
  /** Copies for all below a folder, 1 to 9; null: what the folder above says. NOT_FOUND, NOT_FOLDER, BAD_REQUEST, LIMIT_EXCEEDED. */
  | (RequestBase & { readonly kind: 'protect'; readonly path: EntryPath; readonly replicas: number | null })
  /** A content id for an upload too large to be recorded at its end. Result: {content}. Journals nothing by itself. */
  | (RequestBase & { readonly kind: 'reserve-content' })
  /** The engine's own operations, applied as they are. */
  | (RequestBase & { readonly kind: 'operations'; readonly operations: readonly Operation[] })
  /**
   * One bounded step of pruning: at most `limit` ended entries and contents, none of `pinned`. Result: {pruned}; 0 when
   * nothing is left to do now. Contents of unfinished uploads stay: who gives one up (or finds it after a crash,
   * MetaReader.unfinishedContents) submits a 'prune' operation that names it.
   */
  | (RequestBase & {
      readonly kind: 'prune';
      readonly limit: number;
      /** Only what ended at or before this sequence number (a reader may have opened what ended later). */
      readonly before: number;
      readonly pinned: readonly ContentId[];
    })
  /**
   * Retire segments: each only if it is sealed, has no living chunk and is not in `pinned`, and none while the place of any
   * living chunk is not known; checked here, inside the batch. Result: {retired}.
   */
  | (RequestBase & {
      readonly kind: 'retire';
      readonly segments: readonly string[];
      readonly pinned: readonly string[];
    })
  /**
   * What segments are to have: more always; fewer, and copies given up, only of sealed ones whose need cannot have risen
   * since the batch `asOf`. Checked here, inside the batch. Result: {wanted}: those for which that was so.
   */
  | (RequestBase & {
      readonly kind: 'want';
      readonly asOf: number;
      readonly segments: readonly {
        readonly segment: string;
        /** null: as many as the volume. */
        readonly replicas: number | null;
        /** Those whose copies stay, when some are given up. */
        readonly nodes?: readonly string[] | undefined;
      }[];
    });

export interface PropertyChange {
  readonly namespace: string;
  readonly name: string;
  /** null removes; removing what is absent is fine. */
  readonly value: string | null;
}

export interface ChangeResult {
  readonly created?: boolean;
  readonly entry?: EntryRow;
  readonly lock?: LockRow;
  readonly content?: ContentId;
  readonly pruned?: number;
  readonly retired?: readonly string[];
  readonly wanted?: readonly string[];
  /** Files may need more copies than before, or fewer. */
  readonly needsChanged?: boolean;
  /** Entry ids whose content was ended by this request (the reader's pins decide when it may be pruned). */
  readonly ended?: readonly EntryId[];
}

export type Outcome =
  | { readonly ok: true; readonly result: ChangeResult }
  | { readonly ok: false; readonly error: ErrorData };

/** Content-addressed list checksum: see contentChecksum in meta/content-checksum.ts. */
export type { ChunkId };
