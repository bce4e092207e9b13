/**
 * Names of entries. They are compared by their key, the NFC form, and keep the spelling they were given; so a name
 * that macOS sends decomposed finds the entry that Windows made. Case is significant.
 */
import { DriveError } from '../core/errors.js';

/** What local file systems take too, so that a tree copied from the drive always fits. */
const nameLimitBytes = 255;
const printableAscii = /^[ -~]*$/;
const loneSurrogate = /\p{Surrogate}/u;

/** The key under which a name is stored and looked up. */
export function nameKey(name: string): string {
  return printableAscii.test(name) ? name : name.normalize('NFC');
}

/** Throws INVALID_NAME with the reason. */
export function checkName(name: string): void {
  const problem = problemOf(name);
  if (problem !== undefined) throw new DriveError('INVALID_NAME', { message: problem, details: { name } });
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'a name may not be empty';
  if (name === '.' || name === '..') return 'a name may not be "." or ".."';
  if (name.includes('/') || name.includes('\0')) return 'a name may not hold "/" or NUL';
  if (loneSurrogate.test(name)) return 'a name must be well-formed Unicode';
  if (Buffer.byteLength(name) > nameLimitBytes) return `a name may not be longer than ${nameLimitBytes} bytes`;
  return undefined;
}
