/** The `Authorization: Basic` header (RFC 7617). */
import { longestPassword } from './credentials.js';

const pattern = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** undefined for what is not one. Older clients send the bytes of their code page. */
export function parseBasic(header: string): { readonly name: string; readonly password: string } | undefined {
  const match = pattern.exec(header);
  if (!match) return undefined;
  const text = decode(Buffer.from(match[1]!, 'base64'));
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  const password = text.slice(colon + 1);
  // scrypt takes a password and the same one with NULs behind it for equal.
  if (password.length > longestPassword || /\p{Cc}/u.test(password)) return undefined;
  return { name: text.slice(0, colon).normalize('NFC'), password };
}

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}
