/** From promises and our errors to the callbacks and errors of webdav-server. */
import { v2 as webdav } from 'webdav-server';
import { asDriveError, type ErrorCode } from '../../core/errors.js';

export type Callback<T> = (error?: Error, data?: T) => void;

const libraryErrors: Partial<Record<ErrorCode, Error>> = {
  NOT_FOUND: webdav.Errors.ResourceNotFound,
  PARENT_MISSING: webdav.Errors.IntermediateResourceMissing,
  EXISTS: webdav.Errors.ResourceAlreadyExists,
  FORBIDDEN: webdav.Errors.Forbidden,
  LOCKED: webdav.Errors.Locked,
  OUT_OF_SPACE: webdav.Errors.InsufficientStorage,
};

export function libraryError(error: unknown): Error {
  const known = asDriveError(error);
  return libraryErrors[known.code] ?? known;
}

export function settle<T>(work: Promise<T>, callback: Callback<T>): void {
  work.then(
    (data) => callback(undefined, data),
    (error) => callback(libraryError(error)),
  );
}
