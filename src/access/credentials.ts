/**
 * What is kept of a password: a scrypt key for Basic, and for Digest the hashes that its protocol cannot do without
 * (docs/security.md says what they are worth to a thief). Specified in docs/format.md, "Settings, users, nodes, epochs".
 */
import { createHash } from 'node:crypto';
import { DriveError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import type { PasswordHasher, ScryptCost } from './passwords/password-hasher.js';

export type DigestAlgorithm = 'SHA-256' | 'MD5';

export interface Credentials {
  readonly cost: ScryptCost;
  readonly salt: Buffer;
  readonly key: Buffer;
  /** HA1 of RFC 7616: hash of `name:realm:password`, lower-case hex. */
  readonly digest: Readonly<Record<DigestAlgorithm, string>>;
}

/** 32 MiB and 0.1 s for each guess. */
export const scryptCost: ScryptCost = { logN: 15, blocks: 8, parallel: 1 };
/** No cost above this is worked through for anybody: the text may come from a foreign disk. */
const highestLogN = 20;
const saltBytes = 16;
export const longestPassword = 1024;

/** What Digest names the place that a password is for; it cannot change without every password changing. */
export function realmOf(volumeId: string): string {
  return `Holdfast ${volumeId}`;
}

/** `password` as typed; its bytes are those of its NFC form. */
export async function makeCredentials(
  login: { readonly name: string; readonly password: string; readonly realm: string },
  { hasher, random }: { readonly hasher: PasswordHasher; readonly random: Random },
): Promise<string> {
  const salt = random.bytes(saltBytes);
  const key = await hasher.hash(login.password, salt, scryptCost);
  const { logN, blocks, parallel } = scryptCost;
  const cost = `ln=${logN},r=${blocks},p=${parallel}`;
  const digests = [`sha-256 ${digestKey('SHA-256', login)}`, `md5 ${digestKey('MD5', login)}`];
  return ['scrypt', cost, salt.toString('base64url'), key.toString('base64url'), ...digests].join(' ');
}

const pattern =
  /^scrypt ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2}) ([\w-]{22,64}) ([\w-]{43}) sha-256 ([0-9a-f]{64}) md5 ([0-9a-f]{32})$/;

/** CORRUPT. */
export function parseCredentials(text: string): Credentials {
  const match = pattern.exec(text);
  const [logN, blocks, parallel] = (match ?? []).slice(1, 4).map(Number);
  const isPlausible = logN! >= 1 && logN! <= highestLogN && blocks! >= 1 && blocks! <= 16 && parallel === 1;
  if (!match || !isPlausible) throw new DriveError('CORRUPT', { message: 'the credentials of a user are not valid' });
  return {
    cost: { logN: logN!, blocks: blocks!, parallel: parallel! },
    salt: Buffer.from(match[4]!, 'base64url'),
    key: Buffer.from(match[5]!, 'base64url'),
    digest: { 'SHA-256': match[6]!, MD5: match[7]! },
  };
}

export function digestHash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text, 'utf8')
    .digest('hex');
}

function digestKey(
  algorithm: DigestAlgorithm,
  { name, realm, password }: { readonly name: string; readonly realm: string; readonly password: string },
): string {
  return digestHash(algorithm, `${name}:${realm}:${password.normalize('NFC')}`);
}
