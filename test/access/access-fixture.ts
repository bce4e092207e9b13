/** An Access over a list of users, with a clock that a test moves. */
import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import {
  Access,
  type AccessOptions,
  type AccessRequest,
  type AccessVerdict,
  type User,
} from '../../src/access/access.js';
import { makeCredentials, realmOf } from '../../src/access/credentials.js';
import { PasswordHasher } from '../../src/access/passwords/password-hasher.js';
import { systemRandom } from '../../src/core/random.js';
import { ManualClock } from '../support/manual-clock.js';

export const realm = realmOf('feedfacefeedface');
const hasher = new PasswordHasher();

export async function user(name: string, password: string, rights: User['rights'] = 'write'): Promise<User> {
  const credentials = await makeCredentials({ name, password, realm }, { hasher, random: systemRandom });
  return { name, rights, credentials };
}

/** Call once at the end of a test file. */
export function closeFixture(): Promise<void> {
  return hasher.close();
}

export const basic = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

export class Door {
  readonly clock = new ManualClock();
  readonly guessing: string[] = [];
  users: User[];
  readonly access: Access;

  constructor(context: TestContext, users: User[], options: Partial<AccessOptions> = {}) {
    this.users = users;
    this.access = new Access({
      users: {
        list: async () => this.users,
        named: async (name) => this.users.find((one) => one.name === name),
      },
      realm,
      isOpenWithoutUsers: false,
      clock: this.clock,
      random: systemRandom,
      onGuessing: (name, address) => this.guessing.push(`${name} ${address}`),
      ...options,
    });
    context.after(() => this.access.close());
  }

  ask(authorization?: string, request: Partial<AccessRequest> = {}): Promise<AccessVerdict> {
    return this.access.judge({
      method: 'GET',
      target: '/home/f',
      authorization,
      address: '192.0.2.7',
      isLoopback: false,
      isSecure: true,
      knowsOnlyMd5: false,
      ...request,
    });
  }

  async kind(authorization?: string, request?: Partial<AccessRequest>): Promise<string> {
    return (await this.ask(authorization, request)).kind;
  }
}

export interface DigestParts {
  readonly name: string;
  readonly password: string;
  readonly nonce: string;
  readonly algorithm?: 'SHA-256' | 'MD5';
  readonly method?: string;
  readonly uri?: string;
  readonly nc?: string;
  readonly realm?: string;
  readonly qop?: string;
}

/** What a client sends, made from RFC 7616 and not from the code under test. */
export function digest(parts: DigestParts): string {
  const { name, password, nonce, algorithm = 'SHA-256', method = 'GET', uri = '/home/f', nc = '00000001' } = parts;
  const { realm: place = realm, qop = 'auth' } = parts;
  const hash = (text: string) =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const cnonce = 'c1c2';
  const answer = hash(
    `${hash(`${name}:${place}:${password}`)}:${nonce}:${nc}:${cnonce}:${qop}:${hash(`${method}:${uri}`)}`,
  );
  const sent = Buffer.from(name).toString('latin1');
  return (
    `Digest username="${sent}", realm="${place}", nonce="${nonce}", uri="${uri}", algorithm=${algorithm}, ` +
    `qop=${qop}, nc=${nc}, cnonce="${cnonce}", response="${answer}"`
  );
}

/** Of the first Digest challenge. */
export function nonceOf(verdict: AccessVerdict): string {
  const challenge = verdict.kind === 'challenged' ? verdict.challenges.join('\n') : '';
  return /nonce="([^"]+)"/.exec(challenge)?.[1] ?? '';
}
