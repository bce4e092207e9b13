/** Asks who sends a request (access/), and says what somebody who is not let in is told. */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Access, type AccessOptions, type AccessVerdict, type UserSource } from '../access/access.js';
import { realmOf } from '../access/credentials.js';
import { isLoopbackAddress } from './host-rules.js';

export interface Asker {
  readonly name: string;
  readonly mayWrite: boolean;
}

export interface Refusal {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly message: string;
}

export interface DoorkeeperOptions extends Omit<AccessOptions, 'realm'> {
  /** Of the volume that the users belong to. */
  readonly volumeId: string;
  readonly isSecure: boolean;
  readonly knowsOnlyMd5: (request: IncomingMessage) => boolean;
}

export class Doorkeeper {
  readonly #options: DoorkeeperOptions;
  readonly #access: Access;

  constructor(options: DoorkeeperOptions) {
    this.#options = options;
    this.#access = new Access({ ...options, realm: realmOf(options.volumeId) });
  }

  /** UNAVAILABLE when too many log in at once, and the errors of the index. */
  async ask(request: IncomingMessage): Promise<Asker | Refusal> {
    const { remoteAddress: address = '' } = request.socket;
    return asked(
      await this.#access.judge({
        method: request.method ?? '',
        target: request.url ?? '',
        authorization: request.headers.authorization,
        address,
        isLoopback: isLoopbackAddress(address),
        isSecure: this.#options.isSecure,
        knowsOnlyMd5: this.#options.knowsOnlyMd5(request),
      }),
    );
  }

  /** Idempotent. */
  close(): Promise<void> {
    return this.#access.close();
  }
}

export type { UserSource };

/** The same words whatever was wrong. */
function asked(verdict: AccessVerdict): Asker | Refusal {
  switch (verdict.kind) {
    case 'admitted':
      return verdict;
    case 'challenged':
      return {
        status: 401,
        headers: { 'WWW-Authenticate': [...verdict.challenges] },
        message: 'a user name and its password are needed here',
      };
    case 'delayed':
      return {
        status: 429,
        headers: { 'Retry-After': String(Math.ceil(verdict.waitMs / 1000)) },
        message: 'too many wrong passwords: wait, then try again',
      };
  }
}
