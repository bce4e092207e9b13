/**
 * The one error type of the program. Foreign errors (errno, SQLite, HTTP parser) are translated to it where they
 * enter; everything above decides by `code` alone. `hint` is the safe next step in the operator's words.
 * The code -> HTTP status table lives in http/status.ts, the code -> exit code table in cli/exit-codes.ts; both are
 * total: they do not compile when a code is missing.
 */

export const errorCodes = {
  /** No entry at this path. */
  NOT_FOUND: 'no entry at this path',
  /** A parent folder of the path does not exist, or is a file. */
  PARENT_MISSING: 'a parent folder does not exist',
  /** The path is taken and the request does not replace. */
  EXISTS: 'something exists at this path already',
  /** The operation needs a file and found a folder. */
  IS_FOLDER: 'this is a folder',
  /** The operation needs a folder and found a file. */
  NOT_FOLDER: 'this is not a folder',
  /** The root, an entry onto itself, a folder into itself. */
  FORBIDDEN: 'this is not allowed',
  /** An If-Match, If-None-Match, If or Overwrite condition is false. `details.condition` names it. */
  PRECONDITION_FAILED: 'a precondition is false',
  /** A DAV lock protects the entry and its token was not submitted. `details.lockRoots` holds the paths. */
  LOCKED: 'a lock protects this entry',
  /** UNLOCK or refresh with a token that is not of this entry. */
  LOCK_TOKEN_MISMATCH: 'the lock token does not match',
  /** A limit of the program (locks, properties, queue) is reached. */
  LIMIT_EXCEEDED: 'a limit of the drive is reached',
  /** A name is empty, longer than 255 bytes, `.`/`..`, or holds NUL, `/` or ill-formed UTF-16. */
  INVALID_NAME: 'the name is not valid',
  /** The request is malformed. */
  BAD_REQUEST: 'the request is malformed',
  /** The body is shorter or longer than announced, or the client left. */
  INCOMPLETE_BODY: 'the body did not arrive whole',
  /** A checksum that the client sent does not match what arrived. */
  CHECKSUM_MISMATCH: 'the body does not match the checksum sent with it',
  /** Not enough space on the nodes for the wanted copies. */
  OUT_OF_SPACE: 'not enough space on the nodes',
  /** The volume is open for reading only; `hint` names the disk to plug in. */
  READ_ONLY: 'the volume is open for reading only',
  /** A transient state: no node reachable, index being reopened, deadline missed. Retrying is right. */
  UNAVAILABLE: 'the volume cannot do this right now',
  /** No good replica of a needed chunk is reachable, or every one fails its checksum. */
  DAMAGED: 'stored data is damaged or missing on every reachable node',
  /** A stored structure fails its checksum or is ill-formed (one copy of it; others may be good). */
  CORRUPT: 'a stored structure is not valid',
  /** The stored format is newer than this program. */
  NEWER_FORMAT: 'this was made by a newer version of holdfast',
  /** A node directory is not usable: not empty, a file, belongs to another volume, equals or contains another. */
  NODE_REFUSED: 'the directory cannot be used as a node',
  /** A node is not there: no passport at its path, I/O error, or deadline missed. */
  NODE_GONE: 'the node is not reachable',
  /** A node's disk is full (ENOSPC, EDQUOT, out of inodes). */
  NODE_FULL: 'the node is full',
  /** A node's file system takes no writes (EROFS, EPERM, EACCES). */
  NODE_READ_ONLY: 'the node cannot be written to',
  /** Other I/O error of a node. `details.errno` holds the number. */
  NODE_IO: 'the node reports an I/O error',
  /** A file is absent on a node that is otherwise healthy. */
  FILE_MISSING: 'a file is missing on the node',
  /** Another process has the volume open. */
  IN_USE: 'another process has this volume open',
  /** A node cannot be removed: segments would keep fewer copies. */
  WOULD_LOSE_COPIES: 'removing this would leave files with fewer copies',
  /** The deletion gate refused. `details.reason` says why. */
  GATE_REFUSED: 'the deletion gate refused',
  /** The command line or an option is wrong. */
  USAGE: 'the command was used wrongly',
  /** Called after close(). */
  CLOSED: 'this object is closed',
  /** The caller's AbortSignal fired. */
  ABORTED: 'the operation was cancelled',
  /** A system tool that is needed is not installed. */
  TOOL_MISSING: 'a needed program is not installed',
  /** Anything else: a bug. */
  INTERNAL: 'an unexpected condition (please report it)',
} as const;

export type ErrorCode = keyof typeof errorCodes;
export type ErrorDetails = Readonly<Record<string, unknown>>;

export class DriveError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    options: { message?: string; details?: ErrorDetails; cause?: unknown; hint?: string | undefined } = {},
  ) {
    super(options.message ?? errorCodes[code], options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DriveError';
    this.code = code;
    this.details = options.details ?? {};
    this.hint = options.hint;
  }

  /** Plain data, safe for structured clone and JSON (crosses worker threads and the control socket). */
  toData(): ErrorData {
    return { code: this.code, message: this.message, details: this.details, hint: this.hint ?? null };
  }

  static fromData(data: ErrorData): DriveError {
    return new DriveError(data.code, { message: data.message, details: data.details, hint: data.hint ?? undefined });
  }
}

export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly hint: string | null;
}

export function hasCode(error: unknown, ...codes: ErrorCode[]): error is DriveError {
  return error instanceof DriveError && (codes as string[]).includes(error.code);
}

/** A DriveError as it is; anything else wrapped as INTERNAL with its cause kept. */
export function asDriveError(error: unknown): DriveError {
  if (error instanceof DriveError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new DriveError('INTERNAL', { message, cause: error });
}

/** What is wrong, and the safe next step where one is known. */
export function sayWithHint(error: unknown): string {
  const { message, hint } = asDriveError(error);
  return hint === undefined ? message : `${message} (${hint})`;
}
