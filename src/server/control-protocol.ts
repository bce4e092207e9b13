/**
 * How commands speak to a running server, over a socket in the volume's directory that only its owner can open.
 * One request a connection: a line of JSON {method, parameters}. The answer is lines of JSON: any number of
 * {progress} and {event}, then exactly one {result} or {error}, then the end. A client that leaves cancels its request.
 * Lines unknown to a client are skipped, so that a newer server can say more.
 */
import type { ErrorData } from '../core/errors.js';
import type {
  AtticListing,
  CheckReport,
  DataPart,
  DriveEvent,
  DriveUser,
  FolderSetting,
  Progress,
  ProtectionReport,
  RehearsalReport,
  RestoreReport,
  UserChange,
} from '../drive-contract.js';
import type { DriveStatus } from '../drive-status.js';
import type { DiskMethods } from './control-disks.js';
import type { ProofMethods } from './control-proofs.js';

/** What a client needs to know to reach the drive that this server serves. */
export interface ServerFacts {
  readonly volumeName: string;
  /** What clients mount, `http://127.0.0.1:4918/home/`. */
  readonly url: string;
  /** The same for programs of this machine, whatever names its network knows. */
  readonly localUrl: string;
  /** SHA-256 of the certificate in use, in pairs of hex digits with colons; null: plain HTTP. */
  readonly fingerprint: string | null;
  readonly processId: number;
}

/** Every method with its parameters and its result; the server's table of handlers is total over it. */
export interface ControlMethods extends DiskMethods, ProofMethods {
  server: { readonly parameters: NoParameters; readonly result: ServerFacts };
  status: { readonly parameters: NoParameters; readonly result: DriveStatus };
  check: { readonly parameters: CheckParameters; readonly result: CheckReport };
  rehearse: { readonly parameters: NoParameters; readonly result: RehearsalReport };
  listAttics: { readonly parameters: NoParameters; readonly result: AtticListing };
  restoreFromAttics: { readonly parameters: RestoreParameters; readonly result: RestoreReport };
  addNode: { readonly parameters: AddNodeParameters; readonly result: { readonly id: string } };
  removeNode: { readonly parameters: RemoveNodeParameters; readonly result: NoParameters };
  listUsers: { readonly parameters: NoParameters; readonly result: readonly UserFacts[] };
  changeUser: { readonly parameters: UserChange; readonly result: NoParameters };
  listProtection: { readonly parameters: NoParameters; readonly result: ProtectionReport };
  protect: { readonly parameters: FolderSetting; readonly result: NoParameters };
  /** The last events as {event} lines; with `follow` also what comes, until the client leaves or the server stops. */
  events: { readonly parameters: { readonly follow: boolean }; readonly result: NoParameters };
}

/** Without what proves them. */
export type UserFacts = Pick<DriveUser, 'name' | 'rights'>;

export type NoParameters = Readonly<Record<string, never>>;

export interface CheckParameters {
  readonly readData?: DataPart | undefined;
}

/** As RestoreOptions of the drive. */
export interface RestoreParameters {
  readonly wanted?: readonly string[] | undefined;
  readonly dryRun: boolean;
}

/** `path` is absolute. */
export interface AddNodeParameters {
  readonly path: string;
  readonly label?: string | undefined;
  readonly group?: string | undefined;
  readonly weight?: number | undefined;
}

/** `node`: label, id prefix or absolute path. */
export interface RemoveNodeParameters {
  readonly node: string;
  readonly lost: boolean;
}

export type ControlMethod = keyof ControlMethods;

export interface ControlRequest<M extends ControlMethod = ControlMethod> {
  readonly method: M;
  readonly parameters: ControlMethods[M]['parameters'];
}

export type ControlMessage =
  | { readonly progress: Progress }
  | { readonly event: DriveEvent }
  | { readonly result: unknown }
  | { readonly error: ErrorData };

/** A request is a few paths, or some thousand names of files. */
export const requestLimitBytes = 1024 * 1024;
/** An answer may list a thousand nodes and every finding of a check. */
export const messageLimitBytes = 64 * 1024 * 1024;
