/**
 * End-to-end checksums as ownCloud's clients and rclone send them: `OC-Checksum: SHA1:<hex>`, several separated by
 * spaces. What a client sends is verified against what arrived, kept as the property that these clients read, and goes
 * with the content that it speaks of. For clients that send none, none is computed.
 */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { DriveError } from '../../core/errors.js';
import { refusal } from '../../http/status.js';
import type { PropertyChange, PropertyRow } from '../../volume/volume.js';

const checksumProperty = { namespace: 'http://owncloud.org/ns', name: 'checksums' } as const;

interface Digest {
  update(bytes: Buffer): void;
  hex(): string;
}

interface Algorithm {
  readonly hexDigits: number;
  start(): Digest;
}

/** In the order in which they are told. */
const algorithms: Readonly<Record<string, Algorithm>> = {
  SHA1: hashed('sha1', 40),
  MD5: hashed('md5', 32),
  ADLER32: { hexDigits: 8, start: () => new Adler32() },
  SHA256: hashed('sha256', 64),
};

/** Kept for every client that sends a checksum: rclone sends SHA1 and compares MD5. */
const alwaysKept: ReadonlySet<string> = new Set(['SHA1', 'MD5']);

function hashed(name: string, hexDigits: number): Algorithm {
  const start = (): Digest => {
    const hash = createHash(name);
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
  };
  return { hexDigits, start };
}

/** RFC 1950 section 8.2. */
class Adler32 implements Digest {
  #a = 1;
  #b = 0;

  update(bytes: Buffer): void {
    let [a, b] = [this.#a, this.#b];
    // So many sums fit into 32 bits before they must be reduced.
    for (let start = 0; start < bytes.length; start += 5552) {
      const end = Math.min(start + 5552, bytes.length);
      for (let at = start; at < end; at += 1) {
        a += bytes[at]!;
        b += a;
      }
      a %= 65521;
      b %= 65521;
    }
    [this.#a, this.#b] = [a, b];
  }

  hex(): string {
    return (this.#b * 65536 + this.#a).toString(16).padStart(8, '0');
  }
}

/** The checksums of one body: fed with its bytes, then asked. */
export class BodyChecksums {
  readonly #sent = new Map<string, string>();
  readonly #digests: readonly (readonly [name: string, digest: Digest])[];

  /** BAD_REQUEST for a checksum that cannot be one; algorithms that are not known are left alone. */
  constructor(headers: IncomingHttpHeaders) {
    const text = headers['oc-checksum'];
    for (const word of typeof text === 'string' ? text.trim().split(/[\s,]+/) : []) {
      const [, given = '', hex = ''] = /^([^:]*):(.*)$/.exec(word) ?? [];
      const name = given.toUpperCase();
      const algorithm = algorithms[name];
      if (!algorithm) continue;
      if (hex.length !== algorithm.hexDigits || !/^[0-9a-f]+$/i.test(hex)) throw refusal(400, `${name} is no checksum`);
      this.#sent.set(name, hex.toLowerCase());
    }
    const wanted = ([name]: readonly [string, Algorithm]): boolean => this.#sent.has(name) || alwaysKept.has(name);
    const used = this.#sent.size === 0 ? [] : Object.entries(algorithms).filter(wanted);
    this.#digests = used.map(([name, algorithm]) => [name, algorithm.start()]);
  }

  update(bytes: Buffer): void {
    for (const [, digest] of this.#digests) digest.update(bytes);
  }

  /** Once, after the last byte: what becomes of the property with the new content. CHECKSUM_MISMATCH. */
  verify(): PropertyChange {
    const found = this.#digests.map(([name, digest]) => [name, digest.hex()] as const);
    for (const [name, hex] of found) {
      const sent = this.#sent.get(name) ?? hex;
      if (sent !== hex) {
        throw new DriveError('CHECKSUM_MISMATCH', { message: `${name} of what arrived is ${hex}, not ${sent}` });
      }
    }
    if (found.length === 0) return noChecksums;
    const text = found.map(([name, hex]) => `${name}:${hex}`).join(' ');
    const { namespace, name } = checksumProperty;
    const value = `<oc:${name} xmlns:oc="${namespace}"><oc:checksum>${text}</oc:checksum></oc:${name}>`;
    return { namespace, name, value };
  }
}

/** For content whose checksums nobody gave. */
export const noChecksums: PropertyChange = { ...checksumProperty, value: null };

export function isChecksums({ namespace, name }: { readonly namespace: string; readonly name: string }): boolean {
  return namespace === checksumProperty.namespace && name === checksumProperty.name;
}

/** As in the header: `SHA1:<hex> MD5:<hex>`. */
export function checksumText(rows: readonly PropertyRow[]): string | undefined {
  const row = rows.find(isChecksums);
  return row && /<oc:checksum>([^<]*)</.exec(row.value)?.[1];
}
