/**
 * The drive as commands and servers use it. drive.ts composes it from everything below; it knows no HTTP.
 */
import type { NoticeTarget } from './config/operator-file.js';
import type { Progress } from './core/progress.js';
import type { RehearsalReport } from './drive/rehearsal/rehearsal.js';
import type { DiskCommands } from './drive-disks.js';
import type { ProofCommands } from './drive-proof.js';
import type { DriveStatus } from './drive-status.js';
import type { DataCheckReport, VolumeCheckReport } from './maintenance/checking/check-report.js';
import type { DataPart } from './maintenance/checking/data-check.js';
import type { AtticListing, RestoreOptions, RestoreReport } from './maintenance/deletion/attic-report.js';
import type { EventKind } from './maintenance/event-kind.js';
import type { Volume } from './volume/volume.js';

/** Without `readData` no copy is read. */
export interface CheckReport extends VolumeCheckReport, DataCheckReport {}

export type { Progress } from './core/progress.js';
export type { RehearsalReport } from './drive/rehearsal/rehearsal.js';
export type { DataPart } from './maintenance/checking/data-check.js';
export type {
  AtticFile,
  AtticListing,
  RestoredFile,
  RestoreOptions,
  RestoreReport,
} from './maintenance/deletion/attic-report.js';

export interface DriveEvent {
  readonly time: number;
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
  /** What happened, for programs; absent: worth a line in the log, and no notice. */
  readonly kind?: EventKind;
}

export interface DriveUser {
  readonly name: string;
  readonly rights: 'read' | 'write';
  /** What proves who asks (access/credentials.ts); for the server's eyes only. */
  readonly credentials: string;
}

export interface UserChange {
  readonly name: string;
  /** Default: as before; 'write' for a new user. */
  readonly rights?: 'read' | 'write' | undefined;
  /** null removes the user. Default: as before. */
  readonly credentials?: string | null | undefined;
  readonly only: 'new' | 'present';
}

export interface DriveUsers {
  /** By name. CORRUPT rather than a list that lacks one. */
  list(): Promise<readonly DriveUser[]>;
  named(name: string): Promise<DriveUser | undefined>;
  /** Durable, and in force for the next request. EXISTS, NOT_FOUND, INVALID_NAME, LIMIT_EXCEEDED. */
  change(change: UserChange): Promise<void>;
}

/** Where notices of events go. */
export interface NoticeCommands {
  /** In words, without secrets; null: nowhere. */
  describe(): Promise<{ readonly target: string | null }>;
  /** USAGE when a webhook is no web address. */
  set(target: NoticeTarget | null): Promise<void>;
  /** Sends one now. NOT_FOUND when nothing is set, UNAVAILABLE with the reason. */
  test(): Promise<void>;
}

export interface FolderSetting {
  /** Names from the root down, each behind a slash; '/' is the root. */
  readonly folder: string;
  /** Copies of all that lies below it, 1 to 9; null: what the folder above it, or the volume, says. */
  readonly replicas: number | null;
}

export interface ProtectionReport {
  /** Of the volume. */
  readonly replicas: number;
  /** Those that new files go to. */
  readonly nodes: number;
  /** Folders with a setting of their own, by name. */
  readonly folders: readonly { readonly folder: string; readonly replicas: number }[];
}

/** How many copies folders want; what lies there already is brought to it in the background. */
export interface ProtectionCommands {
  list(): Promise<ProtectionReport>;
  /** Durable when it resolves. NOT_FOUND, NOT_FOLDER, BAD_REQUEST, LIMIT_EXCEEDED. */
  set(setting: FolderSetting): Promise<void>;
}

export interface Drive {
  readonly volume: Volume;
  readonly protection: ProtectionCommands;
  readonly disks: DiskCommands;
  readonly notices: NoticeCommands;
  readonly proofs: ProofCommands;
  readonly users: DriveUsers;
  status(): Promise<DriveStatus>;
  check(options?: {
    /** Also reads and verifies all copies, or the part of them that is named; bad ones are noted, to be healed. */
    readonly readData?: DataPart | undefined;
    readonly signal?: AbortSignal;
    readonly onProgress?: (progress: Progress) => void;
  }): Promise<CheckReport>;
  /** Rebuilds the index aside from the nodes that are here, and compares. IN_USE while another one runs; ABORTED. */
  rehearse(options?: { readonly signal?: AbortSignal | undefined }): Promise<RehearsalReport>;
  listAttics(): Promise<AtticListing>;
  /** NOT_FOUND when a wanted file lies in no attic here; CORRUPT when the index cannot tell what is needed. */
  restoreFromAttics(options: RestoreOptions): Promise<RestoreReport>;
  /** NODE_REFUSED with a hint; makes the directory when its parent exists. */
  addNode(options: {
    readonly path: string;
    readonly label?: string | undefined;
    readonly group?: string | undefined;
    readonly weight?: number | undefined;
  }): Promise<{ readonly id: string }>;
  /** `node`: label, id prefix or path. WOULD_LOSE_COPIES unless every segment keeps its copies; `lost`: the disk is dead. */
  removeNode(options: { readonly node: string; readonly lost: boolean }): Promise<void>;
  /** Last events, oldest first (bounded). */
  events(): readonly DriveEvent[];
  onEvent(listener: (event: DriveEvent) => void): () => void;
  /** Drains, seals and closes everything; idempotent. */
  close(): Promise<void>;
}

export interface OpenDriveOptions {
  /** The volume's directory (DIR). */
  readonly directory: string;
  readonly healGraceMs?: number | undefined;
  readonly onEvent?: ((event: DriveEvent) => void) | undefined;
}

export interface CreateVolumeOptions {
  readonly directory: string;
  /** Node directories; made when absent (their parent must exist). */
  readonly nodes: readonly string[];
  readonly replicas: number;
  /** Default: the directory's base name. */
  readonly name?: string | undefined;
}

export interface CreatedVolume {
  readonly id: string;
  readonly name: string;
  /** Room for files, with all their copies; 0: nothing can be saved before a larger disk is added. */
  readonly availableBytes: number;
}

export interface RebuildOptions {
  /** Empty, absent, or a volume directory whose index is moved aside. */
  readonly directory: string;
  /** Node directories; default: those in volume.json. */
  readonly nodes?: readonly string[] | undefined;
  /** Nodes that are lost for good (label, beginning of the id, or last path): not waited for, and not counted. */
  readonly without?: readonly string[] | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RebuildReport {
  readonly files: number;
  readonly folders: number;
  readonly sequence: number;
  readonly missingNodes: readonly string[];
  /** Nodes of `without`: changes that only they held are not in the index. */
  readonly leftOut: readonly string[];
  /** Where the index before was moved to, null when there was none. */
  readonly movedAside: string | null;
}
