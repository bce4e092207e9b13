/**
 * Passwords that were right a moment ago: clients send theirs with every request. Kept is an HMAC under a key of this
 * process, never the password, and it counts only while the user's stored credentials are the same text as then. Each use
 * prolongs it: a client that is at work never waits behind others that log in.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import type { Random } from '../core/random.js';

const keepMs = 5 * 60_000;
const entriesKept = 1_000;

interface Entry {
  readonly credentials: string;
  readonly until: number;
}

export class CredentialCache {
  readonly #clock: Clock;
  readonly #key: Buffer;
  /** Oldest use first. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#key = random.bytes(32);
  }

  /** What stands for name and password here. */
  keyOf(name: string, password: string): string {
    return createHmac('sha256', this.#key).update(`${name}\0${password}`, 'utf8').digest('base64');
  }

  has(key: string, credentials: string): boolean {
    const entry = this.#entries.get(key);
    if (entry?.credentials !== credentials || entry.until <= this.#clock.monotonic()) return false;
    this.add(key, credentials);
    return true;
  }

  add(key: string, credentials: string): void {
    this.#entries.delete(key);
    this.#entries.set(key, { credentials, until: this.#clock.monotonic() + keepMs });
    if (this.#entries.size > entriesKept) this.#entries.delete(this.#entries.keys().next().value!);
  }
}
