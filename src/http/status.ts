/** Which HTTP status an error becomes; the same table serves whole answers and rows of a 207. Total by its type. */
import { DriveError, type ErrorCode } from '../core/errors.js';

const statusByCode: Readonly<Record<ErrorCode, number>> = {
  NOT_FOUND: 404,
  PARENT_MISSING: 409,
  EXISTS: 405,
  IS_FOLDER: 405,
  NOT_FOLDER: 409,
  FORBIDDEN: 403,
  PRECONDITION_FAILED: 412,
  LOCKED: 423,
  LOCK_TOKEN_MISMATCH: 409,
  LIMIT_EXCEEDED: 507,
  INVALID_NAME: 400,
  BAD_REQUEST: 400,
  INCOMPLETE_BODY: 400,
  CHECKSUM_MISMATCH: 400,
  OUT_OF_SPACE: 507,
  READ_ONLY: 503,
  UNAVAILABLE: 503,
  DAMAGED: 500,
  CORRUPT: 500,
  NEWER_FORMAT: 500,
  NODE_REFUSED: 500,
  NODE_GONE: 503,
  NODE_FULL: 507,
  NODE_READ_ONLY: 503,
  NODE_IO: 503,
  FILE_MISSING: 500,
  IN_USE: 503,
  WOULD_LOSE_COPIES: 409,
  GATE_REFUSED: 500,
  USAGE: 400,
  CLOSED: 503,
  ABORTED: 503,
  TOOL_MISSING: 500,
  INTERNAL: 500,
};

/** A refusal that HTTP itself asks for (414, 415, 421, 501 ...): BAD_REQUEST that carries its exact status. */
export function refusal(status: number, message: string, condition?: string): DriveError {
  return new DriveError('BAD_REQUEST', { message, details: { status, ...(condition && { condition }) } });
}

export function statusOf(error: DriveError): number {
  const exact = error.code === 'BAD_REQUEST' ? error.details.status : undefined;
  return typeof exact === 'number' ? exact : statusByCode[error.code];
}
