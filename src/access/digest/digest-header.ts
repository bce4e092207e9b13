/** The `Authorization: Digest` header (RFC 7616 section 3.4), read strictly. */
import type { DigestAlgorithm } from '../credentials.js';

export interface DigestHeader {
  readonly name: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly algorithm: DigestAlgorithm;
  /** Lower-case hex. */
  readonly response: string;
  readonly cnonce: string;
  /** As sent: eight hex digits. */
  readonly nc: string;
}

const scheme = /^Digest +/i;
const parameter = /([a-z*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,\s*|$)/giy;
const algorithms: Readonly<Record<string, DigestAlgorithm>> = { md5: 'MD5', 'sha-256': 'SHA-256' };
const digits: Readonly<Record<DigestAlgorithm, number>> = { MD5: 32, 'SHA-256': 64 };
const limit = 20;

/** undefined for what is not one, or lacks what we ask for (qop=auth, a nonce count). */
export function parseDigest(header: string): DigestHeader | undefined {
  const values = parameters(header.replace(scheme, ''));
  const { username, realm, nonce, uri, response, qop, cnonce, nc } = Object.fromEntries(values ?? []);
  const algorithm = algorithms[(values?.get('algorithm') ?? 'MD5').toLowerCase()];
  if (username === undefined || realm === undefined || nonce === undefined || uri === undefined) return undefined;
  if (cnonce === undefined || qop?.toLowerCase() !== 'auth' || algorithm === undefined) return undefined;
  if (nc === undefined || !/^[0-9a-f]{8}$/i.test(nc)) return undefined;
  if (response === undefined || !/^[0-9a-f]+$/i.test(response) || response.length !== digits[algorithm])
    return undefined;
  return { name: username, realm, nonce, uri, algorithm, response: response.toLowerCase(), cnonce, nc };
}

/** undefined when anything does not fit, or a name comes twice. */
function parameters(text: string): Map<string, string> | undefined {
  const found = new Map<string, string>();
  parameter.lastIndex = 0;
  while (parameter.lastIndex < text.length) {
    const match = parameter.exec(text);
    if (!match || found.size === limit) return undefined;
    const name = match[1]!.toLowerCase();
    if (found.has(name)) return undefined;
    const value = match[2] === undefined ? match[3]! : match[2].replace(/\\(.)/g, '$1');
    // Headers come as Latin-1; names are UTF-8.
    found.set(name, Buffer.from(value, 'latin1').toString('utf8'));
  }
  return found;
}
