/**
 * Who asks, and whether they may. One answer for an unknown user and a wrong password, in the same time: both cost one
 * hash. Users are looked up for each request, so that a change of them counts at once; a password that was right a moment
 * ago costs an HMAC. Rights are judged where the request's method is known (webdav/dav-server.ts).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import type { Random } from '../core/random.js';
import { isUserName } from '../core/text/user-names.js';
import { parseBasic } from './basic-header.js';
import { CredentialCache } from './credential-cache.js';
import { type Credentials, type DigestAlgorithm, digestHash, parseCredentials, scryptCost } from './credentials.js';
import { type DigestHeader, parseDigest } from './digest/digest-header.js';
import { Nonces } from './digest/nonces.js';
import { GuessLimiter } from './guess-limiter.js';
import { PasswordHasher } from './passwords/password-hasher.js';

export interface User {
  readonly name: string;
  readonly rights: 'read' | 'write';
  /** credentials.ts */
  readonly credentials: string;
}

export interface UserSource {
  list(): Promise<readonly User[]>;
  named(name: string): Promise<User | undefined>;
}

export interface AccessOptions {
  readonly users: UserSource;
  readonly realm: string;
  /** While there are no users, everybody is let in: for servers that only this computer reaches. */
  readonly isOpenWithoutUsers: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** Somebody has begun to guess. */
  readonly onGuessing?: ((name: string, address: string) => void) | undefined;
}

export interface AccessRequest {
  readonly method: string;
  /** The request target as sent. */
  readonly target: string;
  readonly authorization: string | undefined;
  /** Of the peer. */
  readonly address: string;
  readonly isLoopback: boolean;
  readonly isSecure: boolean;
  /** The client reads one challenge of a scheme and knows no other algorithm. */
  readonly knowsOnlyMd5: boolean;
}

export type AccessVerdict =
  | { readonly kind: 'admitted'; readonly name: string; readonly mayWrite: boolean }
  /** Values of `WWW-Authenticate`. */
  | { readonly kind: 'challenged'; readonly challenges: readonly string[] }
  | { readonly kind: 'delayed'; readonly waitMs: number };

/** `stale`: the password was right, the nonce is not good any more. */
type Proof = 'right' | 'wrong' | 'stale' | { readonly waitMs: number };

const everybody: AccessVerdict = { kind: 'admitted', name: '', mayWrite: true };

export class Access {
  readonly #options: AccessOptions;
  readonly #hasher = new PasswordHasher();
  readonly #cache: CredentialCache;
  readonly #nonces: Nonces;
  readonly #limiter: GuessLimiter;
  /** Stands in for users that do not exist. */
  readonly #nobody: Buffer;
  /** By cache key and credentials: many connections of one client begin with the same password at once. */
  readonly #underWay = new Map<string, Promise<Proof>>();

  constructor(options: AccessOptions) {
    const { clock, random } = options;
    this.#options = options;
    this.#cache = new CredentialCache(clock, random);
    this.#nonces = new Nonces(clock, random);
    this.#limiter = new GuessLimiter(clock);
    this.#nobody = random.bytes(32);
  }

  /** UNAVAILABLE when too many log in at once, and the errors of the index. */
  async judge(request: AccessRequest): Promise<AccessVerdict> {
    const { authorization } = request;
    const digest = authorization === undefined || !allowsDigest(request) ? undefined : parseDigest(authorization);
    const basic = authorization === undefined || !allowsBasic(request) ? undefined : parseBasic(authorization);
    const name = digest?.name.normalize('NFC') ?? basic?.name;
    const user = await this.#find(name);
    if (user === 'everybody') return everybody;
    if (name === undefined) return this.#challenge(request, false);
    const proof = digest
      ? this.#judgeDigest({ ...digest, name }, user, request)
      : await this.#judgeBasic({ name, password: basic!.password }, user, request);
    if (typeof proof === 'object') return { kind: 'delayed', ...proof };
    if (proof !== 'right' || !user) return this.#challenge(request, proof === 'stale');
    return { kind: 'admitted', name: user.name, mayWrite: user.rights === 'write' };
  }

  /** Idempotent. */
  close(): Promise<void> {
    return this.#hasher.close();
  }

  /** Where it may be open to everybody, all users are read for each name: a second look would tell by its time who is none. */
  async #find(name: string | undefined): Promise<User | 'everybody' | undefined> {
    const { users, isOpenWithoutUsers } = this.#options;
    if (!isOpenWithoutUsers) return name !== undefined && isUserName(name) ? users.named(name) : undefined;
    const all = await users.list();
    return all.length === 0 ? 'everybody' : all.find((user) => user.name === name);
  }

  async #judgeBasic(
    { name, password }: { readonly name: string; readonly password: string },
    user: User | undefined,
    request: AccessRequest,
  ): Promise<Proof> {
    const key = this.#cache.keyOf(name, password);
    if (user && this.#cache.has(key, user.credentials)) return 'right';
    // Not what was begun before the password was changed.
    const task = `${key} ${user?.credentials ?? ''}`;
    const known = this.#underWay.get(task);
    if (known) return known;
    const proof = this.#limited(name, request, () => this.#hashed(password, user));
    this.#underWay.set(task, proof);
    try {
      const verdict = await proof;
      if (verdict === 'right' && user) this.#cache.add(key, user.credentials);
      return verdict;
    } finally {
      this.#underWay.delete(task);
    }
  }

  async #hashed(password: string, user: User | undefined): Promise<'right' | 'wrong'> {
    const kept = user ? parseCredentials(user.credentials) : undefined;
    const salt = kept?.salt ?? this.#nobody.subarray(0, 16);
    const key = await this.#hasher.hash(password, salt, kept?.cost ?? scryptCost);
    const isRight = timingSafeEqual(key, kept?.key ?? this.#nobody);
    return isRight && kept ? 'right' : 'wrong';
  }

  #judgeDigest(header: DigestHeader, user: User | undefined, request: AccessRequest): Proof {
    const { realm } = this.#options;
    const verdict = this.#nonces.judge(header.nonce);
    if (header.realm !== realm || verdict === 'foreign' || !isTarget(header.uri, request.target)) return 'wrong';
    const { name, nonce, nc: count } = header;
    const charge = this.#nonces.wasAnsweredBy(name, nonce) ? undefined : this.#charge(name, request);
    if (charge && 'waitMs' in charge) return charge;
    if (!this.#answersRight(header, user && parseCredentials(user.credentials), request)) return 'wrong';
    charge?.refund();
    return verdict === 'good' && this.#nonces.use(nonce, { name, count }) === 'good' ? 'right' : 'stale';
  }

  #answersRight(header: DigestHeader, credentials: Credentials | undefined, { method }: AccessRequest): boolean {
    const { algorithm, nonce, nc, cnonce, uri } = header;
    const secret = credentials?.digest[algorithm] ?? this.#unknownDigest(header.name);
    const request = digestHash(algorithm, `${method}:${uri}`);
    const expected = digestHash(algorithm, `${secret}:${nonce}:${nc}:${cnonce}:auth:${request}`);
    const isRight = timingSafeEqual(Buffer.from(header.response, 'hex'), Buffer.from(expected, 'hex'));
    return isRight && credentials !== undefined;
  }

  #unknownDigest(name: string): string {
    return createHmac('sha256', this.#nobody).update(name).digest('hex');
  }

  async #limited(name: string, request: AccessRequest, judge: () => Promise<'right' | 'wrong'>): Promise<Proof> {
    const charge = this.#charge(name, request);
    if ('waitMs' in charge) return charge;
    const proof = await judge();
    if (proof === 'right') charge.refund();
    return proof;
  }

  /** Nobody is kept from a drive by what happens on his own computer. */
  #charge(name: string, { address, isLoopback }: AccessRequest): ReturnType<GuessLimiter['charge']> {
    if (isLoopback) return { refund: () => undefined };
    const charge = this.#limiter.charge(name, address);
    if ('waitMs' in charge) this.#options.onGuessing?.(name, address);
    return charge;
  }

  #challenge(request: AccessRequest, isStale: boolean): AccessVerdict {
    const { realm } = this.#options;
    const digest = (algorithm: DigestAlgorithm): string =>
      `Digest realm="${realm}", qop="auth", algorithm=${algorithm}, nonce="${this.#nonces.make()}", charset=UTF-8` +
      (isStale ? ', stale=true' : '');
    const algorithms: readonly DigestAlgorithm[] = request.knowsOnlyMd5 ? ['MD5'] : ['SHA-256', 'MD5'];
    const challenges = [
      ...(allowsDigest(request) ? algorithms.map(digest) : []),
      ...(allowsBasic(request) ? [`Basic realm="${realm}", charset="UTF-8"`] : []),
    ];
    return { kind: 'challenged', challenges };
  }
}

/** The password itself crosses the wire. */
function allowsBasic({ isSecure, isLoopback }: AccessRequest): boolean {
  return isSecure || isLoopback;
}

/** Over TLS it gains nothing, and scrypt guards what is stored better. */
function allowsDigest({ isSecure }: AccessRequest): boolean {
  return !isSecure;
}

/** Some clients name the whole URI, as proxies get it. */
function isTarget(uri: string, target: string): boolean {
  return uri === target || /^https?:\/\/[^/]*(.*)$/i.exec(uri)?.[1] === target;
}
