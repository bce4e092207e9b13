/** For mistakes of the programmer, never for input, disks or clients. */
import { DriveError } from './errors.js';

/** Throws INTERNAL with `message` when `condition` is falsy. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new DriveError('INTERNAL', { message: `assertion failed: ${message}` });
}
