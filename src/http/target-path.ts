/**
 * The one way from a path on the wire to names: the request's own target, `Destination`, and the tags of an `If` header
 * all come through here, so that no two places can disagree about what a path means. Decoded exactly once.
 */
import { limits } from './limits.js';
import { refusal } from './status.js';

export interface TargetPath {
  /** Decoded names; empty ones (`//`) are dropped. */
  readonly names: readonly string[];
  /** The path ends in a slash: the sender means a folder. */
  readonly trailingSlash: boolean;
}

/** C0 controls, DEL, and the backslash, which Windows would take for a separator. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const forbidden = /[\x00-\x1f\x7f\\]/;
const plain = /^[A-Za-z0-9._~/-]*$/;

/** `raw`: path-absolute, without query. Throws a 400 or a 414. */
export function decodeTargetPath(raw: string): TargetPath {
  if (raw.length > limits.targetBytes) throw refusal(414, 'the path is too long');
  if (!raw.startsWith('/')) throw refusal(400, 'the path is not absolute');
  if (raw.includes('#')) throw refusal(400, 'a fragment has no place in a request');
  const encoded = !plain.test(raw);
  const names: string[] = [];
  for (const part of raw.split('/')) {
    if (part === '') continue;
    const name = encoded ? decodeName(part) : part;
    if (name === '.' || name === '..') throw refusal(400, 'the path has a dot segment');
    names.push(name);
  }
  if (names.length > limits.pathNames) throw refusal(414, 'the path has too many parts');
  return { names, trailingSlash: raw.endsWith('/') };
}

function decodeName(part: string): string {
  let name: string;
  try {
    name = decodeURIComponent(part);
  } catch {
    throw refusal(400, 'the path is not valid percent-encoded UTF-8');
  }
  if (forbidden.test(name) || name.includes('/')) throw refusal(400, 'the path has a character that names cannot have');
  return name;
}

/** Everything outside RFC 3986 "unreserved" as upper-case `%XX`. */
export function encodeName(name: string): string {
  if (plain.test(name)) return name;
  return encodeURIComponent(name).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
